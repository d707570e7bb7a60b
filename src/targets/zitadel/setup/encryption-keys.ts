/**
 * The keys that ZITADEL encrypts its calls to (PAYLOAD_TYPE_JWE): made here, the public half uploaded and activated, the
 * private half sealed in our database before ZITADEL uses it.
 */
import { exportJWK, exportSPKI, generateKeyPair } from 'jose';
import { Secret } from '../../../settings.ts';
import { beginKeyRotation, keyOfResource } from '../../resources.ts';
import type { Context } from './context.ts';
import { announce, orGone, record, recordOf } from './context.ts';

/** What ZITADEL uses with an EC key, and so what it may be used for. */
const ALGORITHM = 'ECDH-ES+A256KW';

interface PublicKey {
  readonly keyId: string;
  readonly active?: boolean;
}

const keysPath = (targetId: string) => `/v2/actions/targets/${encodeURIComponent(targetId)}/publickeys`;

/** Whether ZITADEL encrypts this hook's calls to the key that we have recorded. */
export async function isKeyActive(context: Context, hook: string, targetId: string): Promise<boolean> {
  const { deps, target } = context;
  const id = { kind: 'encryption-key' as const, name: hook };
  const recorded = await recordOf(context, id);
  // One that was being replaced when a run was cut off has no key any more.
  const key = await keyOfResource(deps.db, deps.keyring, { ...id, target: target.name });
  if (!recorded?.remoteId || !key) return false;
  const answer = await orGone(
    context.api.call<{ publicKeys?: PublicKey[] }>('POST', `${keysPath(targetId)}/search`, { body: {} }),
  );
  return (answer?.publicKeys ?? []).some(({ keyId, active }) => keyId === recorded.remoteId && active);
}

export async function ensureKey(context: Context, hook: string, targetId: string): Promise<void> {
  if (!(await isKeyActive(context, hook, targetId))) await replaceKey(context, hook, { targetId });
}

/** Until the new one is active ZITADEL uses the old one, which opens for as long as it is kept. */
export async function replaceKey(
  context: Context,
  hook: string,
  { targetId, keepPreviousSeconds = 0 }: { readonly targetId: string; readonly keepPreviousSeconds?: number },
): Promise<void> {
  const { api, deps, target } = context;
  const id = { kind: 'encryption-key' as const, name: hook };
  const before = await recordOf(context, id);
  await announce(context, id);
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { crv: 'P-256', extractable: true });
  const pem = Buffer.from(await exportSPKI(publicKey)).toString('base64');
  const { keyId } = await api.call<{ keyId: string }>('POST', keysPath(targetId), {
    body: { publicKey: pem },
  });
  const jwk = { ...(await exportJWK(privateKey)), kid: keyId, alg: ALGORITHM, use: 'enc' };
  await beginKeyRotation(deps.db, { ...id, target: target.name }, keepPreviousSeconds);
  await record(context, { ...id, remoteId: keyId, key: new Secret(JSON.stringify(jwk)) });
  await api.call('POST', `${keysPath(targetId)}/${encodeURIComponent(keyId)}/activate`, { body: {} });
  if (before?.remoteId && before.remoteId !== keyId)
    await orGone(api.call('DELETE', `${keysPath(targetId)}/${encodeURIComponent(before.remoteId)}`));
}
