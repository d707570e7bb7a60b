/** The desk as claim tokens see it: whose links, at which target, and what is said of a person in a line. */
import { FootbridgeError } from '../../errors.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { IssuingDeps } from '../../migration/claim-tokens/issuing.ts';
import { claimSettingsOf } from '../../migration/claim-tokens/issuing.ts';
import type { User } from '../../user.ts';
import { seen } from '../batch/sections.ts';
import type { Desk } from '../operation.ts';

export const issuingDepsOf = ({ db, directory, claimTokens, issuer, audit }: Desk): IssuingDeps => ({
  db,
  directory,
  claimTokens,
  issuer,
  pseudonym: audit.pseudonym,
});

/** The only target with claim tokens where none is named. Throws not_found, bad_request where there are several. */
export function claimSettingsAt(desk: Pick<Desk, 'claimTokens'>, target?: string): ClaimTokenSettings {
  const { claimTokens } = desk;
  if (target !== undefined) return claimSettingsOf(desk, target);
  const [only, ...more] = claimTokens;
  if (!only) throw new FootbridgeError('not_found', { detail: 'the settings have no `claimTokens`' });
  if (more.length === 0) return only;
  const names = claimTokens.map((one) => one.target).join(', ');
  throw new FootbridgeError('bad_request', { detail: `Which target? Name one with --target: ${names}` });
}

/** As operators see somebody. */
export interface ShownPerson {
  readonly sub: string;
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly verified: boolean;
}

export const shownPerson = ({ sub, username, name, email, emailVerified }: User): ShownPerson => ({
  sub,
  username,
  name,
  email,
  verified: emailVerified,
});

/** As the legacy store says it, without what would move a terminal's cursor. */
export function personLine({ sub, username, name, email, verified }: ShownPerson): string {
  const address = email ? `${email} (${verified ? 'verified' : 'not verified'})` : 'no email';
  return seen([sub, username, name, address].filter((part) => part !== undefined).join('  '));
}

/** `2026-03-01 12:00`, UTC. */
export const minute = (date: Date): string => date.toISOString().slice(0, 16).replace('T', ' ');

/** `2026-03-01`, UTC. */
export const day = (date: Date): string => date.toISOString().slice(0, 10);

export const count = (value: number): string => value.toLocaleString('en');

export const people = (value: number): string => `${count(value)} ${value === 1 ? 'person' : 'people'}`;

export const links = (value: number): string => `${count(value)} ${value === 1 ? 'link' : 'links'}`;

export const NOTHING_CHANGED = 'Nothing was changed: add --execute.';
