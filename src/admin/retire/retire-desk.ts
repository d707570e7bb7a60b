/** The desk as the end sees it: which target, on which terms, and how far it has come. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Secrets } from '../../migration/retiring/wiping.ts';
import type { Queryable } from '../../store/db.ts';
import { idpIdOf, resourcesOf } from '../../targets/resources.ts';
import type { Target } from '../../targets/target.ts';
import { secretsOf, wipeSecrets } from '../data-protection/places.ts';
import type { Desk } from '../operation.ts';
import type { Terms } from './facts.ts';

const MAX_DAYS = 3_650;
const MAX_PEOPLE = 1_000_000_000;
const days = (fallback: number) => z.coerce.number().int().min(1).max(MAX_DAYS).default(fallback);

export const targetName = z.string().min(1).max(100).describe('The target’s name.');

/** Long enough for somebody who logs in once a month. */
const QUIET_DAYS = 30;
const REPORT_DAYS = 7;

export const termsShape = {
  quietDays: days(QUIET_DAYS).describe('Nobody has logged in through us for so many days.'),
  reportDays: days(REPORT_DAYS).describe('The last comparison of both sides is no older than so many days.'),
  acceptLeft: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_PEOPLE)
    .optional()
    .describe('So many people may be left behind; give the reason. It stays on record.'),
  reason: z.string().min(1).max(500).optional().describe('Why people may be left behind.'),
};

interface TermsInput extends Omit<Terms, 'acceptLeft'> {
  readonly acceptLeft?: number | undefined;
  readonly reason?: string | undefined;
}

/** Throws bad_request for a tail that is accepted without a reason. */
export function termsOf({ quietDays, reportDays, acceptLeft, reason }: TermsInput): Terms {
  if (acceptLeft === undefined) return { quietDays, reportDays };
  if (reason === undefined)
    throw new FootbridgeError('bad_request', { detail: '--accept-left needs a --reason.' });
  return { quietDays, reportDays, acceptLeft: { people: acceptLeft, reason } };
}

/** Throws not_found. */
export function targetAt({ targets }: Pick<Desk, 'targets'>, name: string): Target {
  const target = targets.byName(name);
  if (target) return target;
  throw new FootbridgeError('not_found', { detail: `No target is called ${name}.` });
}

/** We are at a target under more than one id where it takes JWTs of ours as well. */
export async function ourIdpsAt(q: Queryable, target: Target): Promise<ReadonlySet<string>> {
  const made = (await resourcesOf(q, target.name)).filter(({ kind }) => kind === 'idp');
  const ids = [await idpIdOf(q, target), ...made.map(({ remoteId }) => remoteId)];
  return new Set(ids.filter((id) => id !== undefined));
}

export const secretsAt = ({ keyring }: Pick<Desk, 'keyring'>, target: string): Secrets => ({
  wipe: (db, sub) => wipeSecrets({ db, keyring }, target, sub),
  left: (db, sub) => secretsOf({ db, keyring }, target, sub),
});
