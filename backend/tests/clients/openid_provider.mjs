// A real OpenID Connect provider, whose users are whoever they say they are.
// Arguments: the port, and the redirect URIs of its clients, as a JSON list.
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const [port, redirects] = [Number(process.argv[2]), JSON.parse(process.argv[3])];

function key(kid, alg, type, options) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

const client = {
  redirect_uris: redirects,
  grant_types: ["authorization_code"],
  response_types: ["code"],
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    // The secret has characters that must be encoded in a Basic header.
    { ...client, client_id: "duly", client_secret: "a-secret:100%+more" },
    {
      ...client,
      client_id: "duly-post",
      client_secret: "another-secret",
      token_endpoint_auth_method: "client_secret_post",
      id_token_signed_response_alg: "ES256",
    },
    {
      ...client,
      client_id: "duly-public",
      token_endpoint_auth_method: "none",
      id_token_signed_response_alg: "EdDSA",
    },
  ],
  jwks: {
    keys: [
      key("rsa", "RS256", "rsa", { modulusLength: 2048 }),
      key("ec", "ES256", "ec", { namedCurve: "P-256" }),
      key("ed", "EdDSA", "ed25519"),
    ],
  },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.com`,
      email_verified: !id.startsWith("unverified"),
      name: `${id} of the provider`,
    }),
  }),
  cookies: { keys: ["a key that signs the provider's cookies"] },
});

provider.on("server_error", (_, error) => console.error(error));
provider.listen(port, "127.0.0.1", () => console.log("listening"));
