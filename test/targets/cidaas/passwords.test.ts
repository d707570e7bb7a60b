/** Real hashes, written for cidaas and imported: they open there with the password they were made of, and no other. */
import { afterAll, describe, expect, test } from 'vitest';
import type { AcceptedFormat } from '../../../src/credentials/accepted-format.ts';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import type { Listener } from '../../../src/listener.ts';
import { listen } from '../../../src/listener.ts';
import { cidaas } from '../../../src/targets/cidaas/index.ts';
import { subOfReference } from '../../../src/targets/cidaas/password-reference.ts';
import { storedOf } from '../../credentials/vectors.ts';
import { everyHash } from '../target-kind-contract.ts';
import { mac, person, stage, TARGET } from './stage.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

/** An operator who has tried PBKDF2 says its digest. */
const ACCEPTS: readonly AcceptedFormat[] = [
  ...cidaas.accepts.filter(({ write }) => write !== 'pbkdf2-cidaas'),
  { write: 'pbkdf2-cidaas', digest: 'sha512', iterations: [1, 100_000] },
];
/** Some of each algorithm; expensive ones take long on small machines. */
const PER_ALGORITHM = 4;

const nameOf = (encoded: string | object) => (encoded as { algorithmTypeId: string }).algorithmTypeId;
const all = everyHash().flatMap((vector) => {
  if (vector.password === null || vector.wrong.length === 0) return [];
  const made = passwords.translate(storedOf(vector), ACCEPTS);
  const isFit = 'encoded' in made && !('caveat' in made);
  return isFit ? [{ vector, password: { encoded: made.encoded, format: made.format } }] : [];
});
const byName = Map.groupBy(all, ({ password }) => nameOf(password.encoded).replace(/_\d+$/, ''));
const chosen = [...byName.values()].flatMap((some) =>
  some.filter(({ password }) => !/_1[2-9]$/.test(nameOf(password.encoded))).slice(0, PER_ALGORITHM),
);

describe('hashes of the real frameworks', () => {
  test('cover every algorithm that is documented', () => {
    expect([...byName.keys()].sort()).toEqual([
      'ARGON',
      'BCRYPT',
      'HMAC-SHA-256',
      'PBKDF2',
      'SHA1',
      'SHA256',
    ]);
  });

  test('open with their password at cidaas, and with none of the wrong ones', async () => {
    const { standIn, connection } = await stage({ api: { perSecond: 1_000 }, accepts: ACCEPTS });
    const movers = chosen.map(({ password }, index) => person(`p${index}`, { password }));
    const outcomes = await connection.importUsers(movers, { bulk: true });
    expect(outcomes.filter(({ kind }) => kind !== 'created')).toEqual([]);
    const opened = await Promise.all(
      chosen.map(({ vector }, index) => standIn.login(`p${index}@example.com`, vector.password!)),
    );
    expect(chosen.filter((_one, index) => !opened[index]).map(({ vector }) => vector.id)).toEqual([]);
    const wronglyOpened = await Promise.all(
      chosen.map(({ vector }, index) => standIn.login(`p${index}@example.com`, vector.wrong[0]!.password)),
    );
    expect(wronglyOpened).toEqual(chosen.map(() => false));
  });
});

describe('a password that no target can verify', () => {
  interface Question {
    readonly passwordVerification: {
      readonly passwordHash: string;
      readonly hData: { readonly salt: string };
    };
    readonly password: string;
    readonly algorithm: string;
  }

  /** Stands for the route of ours that cidaas asks. */
  async function verifier(isRight: (sub: string | undefined, question: Question) => boolean) {
    const questions: Question[] = [];
    const server: Listener = await listen(
      async (req, res) => {
        const chunks: Buffer[] = [];
        for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
        const question = JSON.parse(Buffer.concat(chunks).toString()) as Question;
        questions.push(question);
        const sub = subOfReference(mac, TARGET, question.passwordVerification.passwordHash);
        const verified = isRight(sub, question);
        res.writeHead(200, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ status: 200, success: true, data: { verified } }));
      },
      { host: '127.0.0.1', port: 0 },
    );
    return { url: `http://127.0.0.1:${server.port}/`, questions, close: () => server.close(0) };
  }

  test('is asked about here until it was right once, and from then on is cidaas’ own', async () => {
    const asking = await verifier((sub, { password }) => sub === 'shop:anna' && password === 'old secret');
    const { standIn, connection } = await stage({
      cidaas: { customAlgorithm: 'CUSTOM_FOOTBRIDGE' },
      tenant: { custom: { algorithm: 'CUSTOM_FOOTBRIDGE', url: asking.url } },
    });
    await connection.importUsers([person('anna', { isTypedHere: true })], { bulk: true });
    expect(await standIn.login('anna@example.com', 'wrong')).toBe(false);
    expect(await standIn.login('anna@example.com', 'old secret')).toBe(true);
    expect(asking.questions).toMatchObject([
      { password: 'wrong', algorithm: 'CUSTOM_FOOTBRIDGE' },
      { password: 'old secret', passwordVerification: { hData: { salt: '' } } },
    ]);
    await asking.close();
    expect(await standIn.login('anna@example.com', 'old secret')).toBe(true);
    expect(await standIn.login('anna@example.com', 'wrong')).toBe(false);
    expect(asking.questions).toHaveLength(2);
  });
});
