/**
 * People who are told of what happened to their links: a real database and real mail; the legacy store is a list. Needs
 * nothing of vitest, so that a process of its own can have the same world.
 */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../../../src/errors.ts';
import { mailSettings } from '../../../src/mail/mail-settings.ts';
import { openMailer } from '../../../src/mail/mailer.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import type { NoticesDeps } from '../../../src/migration/claim-tokens/notice-worker.ts';
import { openNotices } from '../../../src/migration/claim-tokens/notice-worker.ts';
import type { NewNotice } from '../../../src/migration/claim-tokens/notices.ts';
import { noticePart } from '../../../src/migration/claim-tokens/notices.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { User } from '../../../src/user.ts';

export interface NoticeWorldOptions {
  readonly databaseUrl: string;
  readonly smtpPort: number;
  /** More of `mail`; false: there is none. */
  readonly mail?: object | false;
  readonly claimTokens?: object;
}

export const ISSUER = 'https://id.shop.example';
/** A link of ours, with its secret. */
export const LINK = /https:\/\/id\.shop\.example\/claim\/(fbcp1\.[A-Za-z0-9_-]{43})/;

export type NoticeWorld = ReturnType<typeof openNoticeWorld>;

export function openNoticeWorld({ databaseUrl, smtpPort, mail, claimTokens }: NoticeWorldOptions) {
  const db = openDb({ url: databaseUrl });
  const audit = openAuditLog({ db, keyring: openKeyring(new Secret(randomBytes(32).toString('base64'))) });
  const users = new Map<string, User>();
  const state: { trouble: FootbridgeError | undefined } = { trouble: undefined };
  const mailer =
    mail === false
      ? undefined
      : openMailer(
          mailSettings.parse({
            smtp: { url: `smtp://127.0.0.1:${smtpPort}` },
            from: 'Shop <accounts@shop.example>',
            ...mail,
          }),
          { nowMs: () => Date.now(), sleep: async () => undefined },
        );
  const deps: NoticesDeps = {
    db,
    directory: {
      findBySub: async (sub) => {
        if (state.trouble) throw state.trouble;
        const user = users.get(sub);
        return user && { user, credentials: { passwords: [] } };
      },
      organizationKey: () => undefined,
    },
    claimTokens: claimTokensSettings.parse([{ target: 'main', ...claimTokens }]),
    issuer: ISSUER,
    pseudonym: audit.pseudonym,
    targets: openTargets(targetSettings.parse([TARGET]), {
      issuer: ISSUER,
      ourIdp: async () => undefined,
    }),
    mailer,
  };
  return {
    ...{ db, audit, users, state, deps },
    ...openNotices(deps),
    /** Somebody with a verified address: `anna` is anna@example.com. */
    person(name: string, more: Partial<User> = {}): string {
      const sub = `shop:${name}`;
      users.set(sub, {
        ...{ sub, legacyId: name, username: name, email: `${name}@example.com`, emailVerified: true },
        ...{ phoneNumberVerified: false, state: 'active', roles: [], attributes: {} },
        ...more,
      });
      return sub;
    },
    ask: (sub: string, notice: NewNotice['notice'], detail: NewNotice['detail'] = {}) =>
      db.runParts([noticePart({ target: 'main', sub, notice, detail })], 'select 1'),
    async close() {
      await mailer?.close();
      await db.close();
    },
  };
}

const TARGET = {
  name: 'main',
  kind: 'zitadel',
  displayName: 'New & Co',
  loginUrl: 'https://new.example/login',
  api: { url: 'http://127.0.0.1:9', token: 'unused' },
};

export const legacyDown = () => new FootbridgeError('legacy_unavailable');
