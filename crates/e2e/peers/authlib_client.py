"""A web application on Authlib: discovery, authorization code with PKCE, ID token, refresh."""

import json
import os
import sys

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet


def say(name, value):
    print(json.dumps({name: value}), flush=True)


def told():
    return json.loads(sys.stdin.readline())


def checked(id_token, keys, metadata, client_id, nonce):
    """The claims of an ID token, its signature and all of OIDC Core 3.1.3.7 checked."""
    token = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=["ES256"])
    options = {"iss": {"values": [metadata["issuer"]]}, "aud": {"values": [client_id]}}
    claims = CodeIDToken(token.claims, token.header, options, {"nonce": nonce, "client_id": client_id})
    claims.validate(leeway=5)
    return claims


settings = told()
metadata = requests.get(settings["issuer"] + "/.well-known/openid-configuration", timeout=10).json()
session = OAuth2Session(
    settings["client_id"],
    settings["client_secret"],
    scope="openid phone offline_access",
    redirect_uri=settings["redirect_uri"],
    code_challenge_method="S256",
    token_endpoint_auth_method=settings["authentication"],
    revocation_endpoint_auth_method=settings["authentication"],
)
verifier, nonce = "v" * 64, "n-0S6_WzA2Mj"
url, state = session.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
)
say("authorize", url)
location = told()["location"]
tokens = session.fetch_token(
    metadata["token_endpoint"], authorization_response=location, state=state, code_verifier=verifier
)
keys = requests.get(metadata["jwks_uri"], timeout=10).json()
claims = checked(tokens["id_token"], keys, metadata, settings["client_id"], nonce)
user = session.get(metadata["userinfo_endpoint"]).json()
assert user["sub"] == claims["sub"], user
assert user["phone_number"].startswith("+"), user
before = tokens["refresh_token"]
tokens = session.refresh_token(metadata["token_endpoint"], refresh_token=before)
assert tokens["refresh_token"] != before, "a bearer app's refresh token is rotated"
answer = session.revoke_token(metadata["revocation_endpoint"], tokens["refresh_token"])
assert answer.status_code == 200, answer.text
assert session.get(metadata["userinfo_endpoint"]).status_code == 401
say("done", {"sub": claims["sub"]})
