/** An operator's desk over people who link their own accounts, with a real database and a real mail server. */
import { stripVTControlCharacters } from 'node:util';
import type { Desk, Operation } from '../../src/admin/operation.ts';
import { mailSettings } from '../../src/mail/mail-settings.ts';
import { openMailer } from '../../src/mail/mailer.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { openMailStage } from '../mail/smtp-stage.ts';
import type { ClaimantsOptions } from '../migration/claim-tokens/claimants.ts';
import { ISSUER, openClaimants } from '../migration/claim-tokens/claimants.ts';

export type ClaimStage = Awaited<ReturnType<typeof openClaimStage>>;

export interface Ran {
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  readonly output: any;
  readonly text: string;
  readonly wrong: boolean;
  readonly page: string | undefined;
}

export async function openClaimStage(options: ClaimantsOptions) {
  const people = await openClaimants(options);
  const mail = await openMailStage();
  const mailer = openMailer(
    mailSettings.parse({
      smtp: { url: `smtp://127.0.0.1:${mail.port}` },
      from: 'Shop <accounts@shop.example>',
      perMinute: 6_000,
    }),
    { nowMs: () => Date.now(), sleep: async () => undefined },
  );
  const targets = openTargets(
    targetSettings.parse([
      {
        name: 'main',
        kind: 'generic',
        displayName: 'New & Co',
        loginUrl: 'https://new.example/',
        clientIds: ['main'],
      },
    ]),
  );
  const { db, keyring, audit, directory, settings } = people;
  const desk = {
    ...{ db, keyring, audit, directory, targets, mailer },
    ...{ claimTokens: settings, issuer: ISSUER, actor: 'operator:test' },
  } as unknown as Desk;
  return {
    ...people,
    mail,
    desk,
    /** Its input as the command line gives it. */
    async run(operation: Operation, input: object = {}, { execute = false, at = desk } = {}): Promise<Ran> {
      const output = await operation.run(at, operation.input.parse(input) as never, { execute });
      return {
        output,
        text: stripVTControlCharacters(operation.print(output)),
        wrong: operation.foundWrong?.(output) ?? false,
        page: operation.page?.(output),
      };
    },
    async close(): Promise<void> {
      await mailer.close();
      await mail.stop();
      await people.close();
    },
  };
}

/** Ids and minutes are never the same twice. */
export const steady = (text: string): string =>
  text
    .replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, '[id]')
    .replace(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}/g, '[minute]')
    .replace(/fbc[po]1\.[\w-]{43}/g, '[token]');
