import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { signBody, verifySignature } from '../../../src/migration/signature.ts';
import { issueTicket, readTicket } from '../../../src/migration/tickets.ts';
import { Secret } from '../../../src/settings.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { anyText, damaged, damagedBytes, fuzz } from '../hostile.ts';

const secret = () => new Secret(randomBytes(32).toString('base64'));
const keyring = openKeyring([secret(), secret()]);

describe('what was sealed for a browser', () => {
  const SEALED = keyring.seal('interaction', 'what it holds', 'uid');

  fuzz(
    'opens as it was sealed, or not at all',
    1_500,
    fc.property(fc.oneof(damaged(SEALED), anyText()), (sealed) => {
      // Base 64 can be written in several ways; what is inside is authenticated.
      expect(['what it holds', undefined]).toContain(keyring.open('interaction', sealed, 'uid')?.toString());
    }),
  );

  fuzz(
    'opens for nothing and nobody else',
    300,
    fc.property(
      fc.constantFrom('interaction', 'claim', 'login-step'),
      fc.oneof(damaged('uid'), anyText()),
      (purpose, owner) => {
        if (purpose === 'interaction' && owner.toWellFormed() === 'uid') return;
        expect(keyring.open(purpose, SEALED, owner)).toBeUndefined();
      },
    ),
  );
});

describe('whatever comes as a ticket', () => {
  const login = { sub: 'shop:1', clientId: 'target', authTime: 1_800_000_000, loginId: 'l' };
  const TICKET = issueTicket(keyring, login);

  fuzz(
    'is the one that we have issued to the letter, or none',
    1_000,
    fc.property(fc.oneof(damaged(TICKET), anyText()), (text) => {
      expect(readTicket(keyring, text)).toBeUndefined();
    }),
  );

  fuzz(
    'says of the login what it was',
    300,
    fc.property(anyText(), anyText(), fc.nat(), (sub, clientId, authTime) => {
      const text = issueTicket(keyring, { sub: sub.toWellFormed(), clientId, authTime, loginId: 'l' });
      if (text.length <= 2_048)
        expect(readTicket(keyring, text)).toMatchObject({ sub: sub.toWellFormed(), authTime });
    }),
  );
});

describe('whatever comes as a signed call', () => {
  const KEY = new Secret('signing-key-of-the-action-target');
  const NOW = 1_700_000_000;
  const BODY = Buffer.from('{"user":"4711","note":"Zoë"}');
  const HEADER = signBody(KEY, BODY, NOW);
  const keys = [{ id: 'k', key: KEY }];
  const check = (header: string, body: Uint8Array) =>
    verifySignature({ header, body, nowSeconds: NOW }, keys);

  fuzz(
    'holds for no other body',
    500,
    fc.property(damagedBytes(BODY), (body) => {
      expect(check(HEADER, body)).toBeUndefined();
    }),
  );

  fuzz(
    'is under whatever header the same call, so that it serves once, or none',
    1_500,
    fc.property(fc.oneof(damaged(HEADER, `${HEADER},v1=${'0'.repeat(64)}`), anyText()), (header) => {
      const found = check(header, BODY);
      if (found) expect(found).toEqual(check(HEADER, BODY));
    }),
  );
});
