/** What ZITADEL may refuse of a user without refusing the user; its own judgement of numbers is not in the stand-in. */
import { describe, expect, test } from 'vitest';
import type { ZitadelApi } from '../../../src/targets/zitadel/api.ts';
import { ZitadelError } from '../../../src/targets/zitadel/api.ts';
import { create } from '../../../src/targets/zitadel/creating.ts';
import { fit } from '../../../src/targets/zitadel/fitting.ts';
import { everything } from './people.ts';

type Refuse = (body: { phone?: object; idpLinks?: readonly { idpId: string }[] }) => ZitadelError | undefined;

/** Refuses users as it is told, and takes everything else. */
function refusing(refuse: Refuse): { readonly api: ZitadelApi; readonly bodies: object[] } {
  const bodies: object[] = [];
  const api: ZitadelApi = {
    async call<T>(_method: string, path: string, { body = {} } = {}) {
      const error = path === '/v2/users/human' ? refuse(body) : undefined;
      bodies.push(body);
      if (error) throw error;
      return { details: { resourceOwner: '9' } } as T;
    },
    close: async () => undefined,
  };
  return { api, bodies };
}

const refused = (id: string) => new ZitadelError({ status: 400, code: 3, id, message: 'no' });
const fitted = fit(everything, 'idp-1') as Extract<ReturnType<typeof fit>, { kind: 'fits' }>;

describe('a user of whom ZITADEL does not take', () => {
  test('the number is made without it', async () => {
    const { api, bodies } = refusing(({ phone }) => (phone ? refused('PHONE-so0wa') : undefined));
    expect(await create({ api, ourIdp: 'idp-1' }, fitted)).toMatchObject({
      kind: 'created',
      stored: ['profile', 'password', 'totp', 'links', 'metadata', 'grants'],
      missing: [{ what: 'profile', code: 'PHONE-so0wa' }],
    });
    expect(bodies.slice(0, 2).map((body) => 'phone' in body)).toEqual([true, false]);
  });

  test('the number and a provider is made without both, and the link is tried once more alone', async () => {
    const { api, bodies } = refusing(({ phone, idpLinks = [] }) => {
      if (phone) return refused('PHONE-so0wa');
      return idpLinks.length > 1 ? refused('COMMAND-39nf2') : undefined;
    });
    expect(await create({ api, ourIdp: 'idp-1' }, fitted)).toMatchObject({
      kind: 'created',
      missing: [{ code: 'PHONE-so0wa' }],
    });
    expect(bodies[3]).toEqual({ idpLink: everything.identityProviderLinks[0] });
  });

  test('our own provider is refused: without the link nobody would find them again', async () => {
    const { api, bodies } = refusing(() => refused('COMMAND-39nf2'));
    expect(await create({ api, ourIdp: 'idp-1' }, fitted)).toMatchObject({
      kind: 'refused',
      code: 'COMMAND-39nf2',
    });
    expect(bodies).toHaveLength(2);
  });

  test('anything else is refused', async () => {
    const { api, bodies } = refusing(() => refused('COMMAND-SFd21'));
    expect(await create({ api, ourIdp: 'idp-1' }, fitted)).toEqual({
      kind: 'refused',
      code: 'COMMAND-SFd21',
      sentence: 'no',
    });
    expect(bodies).toHaveLength(1);
  });
});
