/** Passkeys, by the JSON forms that browsers and the API share. */
interface JsonForms {
  parseRequestOptionsFromJSON?(options: unknown): PublicKeyCredentialRequestOptions;
  parseCreationOptionsFromJSON?(options: unknown): PublicKeyCredentialCreationOptions;
}
interface Json {
  id: string;
  rawId: string;
  type: string;
  response: Record<string, unknown>;
}

function forms(): JsonForms {
  return (window.PublicKeyCredential ?? {}) as unknown as JsonForms;
}
export function hasPasskeys(): boolean {
  return typeof forms().parseRequestOptionsFromJSON === "function";
}

/** What the API takes of a credential: it refuses fields that it does not know. */
function sent(credential: Credential | null, fields: readonly string[]): Json {
  const { id, rawId, type, response } = (credential as unknown as { toJSON(): Json }).toJSON();
  return { id, rawId, type, response: Object.fromEntries(fields.filter((name) => response[name] !== undefined).map((name) => [name, response[name]])) };
}

export async function usePasskey(options: unknown): Promise<Json> {
  const publicKey = forms().parseRequestOptionsFromJSON!(options);
  return sent(await navigator.credentials.get({ publicKey }), ["clientDataJSON", "authenticatorData", "signature", "userHandle"]);
}

export async function createPasskey(options: unknown): Promise<Json> {
  const publicKey = forms().parseCreationOptionsFromJSON!(options);
  return sent(await navigator.credentials.create({ publicKey }), ["clientDataJSON", "attestationObject"]);
}
