// A relying party on `openid-client`: it checks every answer as strictly as its library does.
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import * as client from 'openid-client'
import { say, told } from './lines.js'

const { issuer, redirect_uri } = await told()
const insecure = { execute: [client.allowInsecureRequests] }

async function keyPair(alg) {
  const algorithm = alg === 'EdDSA' ? { name: 'Ed25519' } : { name: 'ECDSA', namedCurve: 'P-256' }
  const pair = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey)
  return { pair, jwk: y ? { kty, crv, x, y } : { kty, crv, x } }
}

/** Discovery, authorization (pushed or not), tokens, userinfo, refresh, introspection, revocation. */
async function code({ client_id, authentication, dpop, par, refreshed_is_rotated }, key, secret) {
  const auth = {
    private_key_jwt: () => client.PrivateKeyJwt(key.pair.privateKey),
    client_secret_basic: () => client.ClientSecretBasic(secret),
    client_secret_post: () => client.ClientSecretPost(secret),
    client_secret_jwt: () => client.ClientSecretJwt(secret),
  }[authentication]()
  const metadata = { id_token_signed_response_alg: 'ES256' }
  const config = await client.discovery(new URL(issuer), client_id, metadata, auth, insecure)
  client.enableNonRepudiationChecks(config)
  const DPoP = dpop ? client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) : undefined
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const parameters = {
    redirect_uri,
    scope: 'openid phone',
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    max_age: '600',
  }
  const url = par
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, parameters)
  say('authorize', url.href)
  const { location } = await told()
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 600, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, new URL(location), checks, undefined, { DPoP })
  const { sub } = tokens.claims()
  const user = await client.fetchUserInfo(config, tokens.access_token, sub, { DPoP })
  assert.match(user.phone_number, /^\+/)
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
  assert.equal(refreshed.refresh_token !== undefined, refreshed_is_rotated)
  const about = await client.tokenIntrospection(config, refreshed.access_token)
  assert.equal(about.active, true)
  assert.equal(about.sub, sub)
  await client.tokenRevocation(config, refreshed.refresh_token ?? tokens.refresh_token)
  const after = await client.tokenIntrospection(config, refreshed.access_token)
  assert.equal(after.active, false)
  await assert.rejects(client.fetchUserInfo(config, refreshed.access_token, sub, { DPoP }))
  const out = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token })
  say('done', { sub, token_type: tokens.token_type, end_session: out.href })
}

/** RFC 6749 4.4, with RFC 8707. */
async function clientCredentials({ client_id, scope, resource }, key) {
  const auth = client.PrivateKeyJwt(key.pair.privateKey)
  const config = await client.discovery(new URL(issuer), client_id, undefined, auth, insecure)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const tokens = await client.clientCredentialsGrant(config, { scope, resource }, { DPoP })
  assert.equal(tokens.refresh_token, undefined)
  say('done', { token_type: tokens.token_type, scope: tokens.scope })
}

/** RFC 8628. */
async function device({ client_id }, key) {
  const auth = client.PrivateKeyJwt(key.pair.privateKey)
  const config = await client.discovery(new URL(issuer), client_id, undefined, auth, insecure)
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid' })
  say('device', begun)
  await told()
  const tokens = await client.pollDeviceAuthorizationGrant(config, begun, undefined, { DPoP })
  say('done', { sub: tokens.claims().sub, token_type: tokens.token_type })
}

/** RFC 7591, then the code flow as the app that came of it. */
async function register({ initial_access_token, metadata }) {
  const key = await keyPair('ES256')
  const own = { ...metadata, jwks: { keys: [key.jwk] }, token_endpoint_auth_method: 'private_key_jwt' }
  const options = { ...insecure, initialAccessToken: initial_access_token }
  const auth = client.PrivateKeyJwt(key.pair.privateKey)
  const config = await client.dynamicClientRegistration(new URL(issuer), own, auth, options)
  const { client_id, registration_client_uri } = config.clientMetadata()
  say('registered', { client_id, registration_client_uri })
  const settings = { authentication: 'private_key_jwt', dpop: true, par: true }
  await code({ client_id, ...settings, refreshed_is_rotated: false }, key)
}

const key = await keyPair('ES256')
say('jwk', key.jwk)
for (;;) {
  const step = await told()
  if (step.do === 'code') await code(step, key, step.secret)
  else if (step.do === 'client_credentials') await clientCredentials(step, key)
  else if (step.do === 'device') await device(step, key)
  else if (step.do === 'register') await register(step)
  else break
}
process.exit(0)
