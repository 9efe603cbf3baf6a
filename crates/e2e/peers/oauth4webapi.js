// A FAPI 2.0 client on `oauth4webapi`, request by request: pushed request, `iss`, DPoP with nonces,
// `private_key_jwt`, and what a careful client refuses.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { say, told } from './lines.js'

const { issuer, redirect_uri } = await told()
const plain = { [oauth.allowInsecureRequests]: true }
const pair = await oauth.generateKeyPair('ES256', { extractable: true })
const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
say('jwk', { kty, crv, x, y, kid: 'own' })
const { client_id } = await told()

const url = new URL(issuer)
const as = await oauth.processDiscoveryResponse(
  url,
  await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...plain }),
)
assert.deepEqual(as.code_challenge_methods_supported, ['S256'])
assert.equal(as.authorization_response_iss_parameter_supported, true)
const client = { client_id }
const authentication = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: 'own' })
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('EdDSA'))

/** Sends `make()`, once more if the server wants its nonce. */
async function fresh(make, process) {
  try {
    return await process(await make())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return await process(await make())
  }
}

const code_verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()
const pushed = await fresh(
  async () =>
    oauth.pushedAuthorizationRequest(
      as,
      client,
      authentication,
      new URLSearchParams({
        redirect_uri,
        response_type: 'code',
        scope: 'openid',
        state,
        nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
        code_challenge_method: 'S256',
      }),
      { DPoP, ...plain },
    ),
  (response) => oauth.processPushedAuthorizationResponse(as, client, response),
)
const authorize = new URL(as.authorization_endpoint)
authorize.searchParams.set('client_id', client_id)
authorize.searchParams.set('request_uri', pushed.request_uri)
say('authorize', authorize.href)

const { location } = await told()
// Mix-up: an answer that names another issuer, or none, is refused by this client (RFC 9207).
for (const change of [(u) => u.set('iss', 'https://evil.example'), (u) => u.delete('iss')]) {
  const mixed = new URL(location)
  change(mixed.searchParams)
  assert.throws(() => oauth.validateAuthResponse(as, client, mixed, state))
}
const answer = oauth.validateAuthResponse(as, client, new URL(location), state)
const tokens = await fresh(
  () =>
    oauth.authorizationCodeGrantRequest(
      as, client, authentication, answer, redirect_uri, code_verifier, { DPoP, ...plain },
    ),
  (response) =>
    oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    }),
)
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const info = await fresh(
  () => oauth.userInfoRequest(as, client, tokens.access_token, { DPoP, ...plain }),
  (response) => oauth.processUserInfoResponse(as, client, sub, response),
)
assert.equal(info.phone_number, undefined)
// The key that the token is bound to is not another one's.
const stranger = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const refused = () =>
  fresh(
    () => oauth.userInfoRequest(as, client, tokens.access_token, { DPoP: stranger, ...plain }),
    (response) => oauth.processUserInfoResponse(as, client, sub, response),
  )
await assert.rejects(refused())
say('done', { sub })
process.exit(0)
