/** What ZITADEL's errors mean for a user, and for whoever asked. */
import { FootbridgeError } from '../../errors.ts';
import type { ImportOutcome } from '../connection.ts';
import { ZitadelError } from './zitadel-error.ts';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
/** Of the command behind v2, of its predecessor, and of the import. */
const TAKEN_ID = /^COMMAND-(?:7yiox1isql|k2unb|ziuna)$/;
/** An identity provider that is not there, or not for this organization. */
const UNKNOWN_IDP = 'COMMAND-39nf2';

/** An organization that is not there is forbidden to everybody. */
const UNKNOWN_ORGANIZATION = 'AUTH-Bs7Ds';

/** Somebody has this id, this name or this link. */
export const isTaken = (error: ZitadelError) => error.status === 409 || isTakenId(error);
export const isTakenId = (error: ZitadelError) => TAKEN_ID.test(error.id ?? '');
export const isUnknownIdp = (error: unknown) => error instanceof ZitadelError && error.id === UNKNOWN_IDP;
export const isBadPhone = (error: unknown): error is ZitadelError =>
  error instanceof ZitadelError && /^PHONE-/.test(error.id ?? '');
/** ZITADEL itself says so (gRPC NotFound); a 404 of a proxy, or of another server, says nothing of a user. */
export const isNotFound = (error: unknown) =>
  error instanceof ZitadelError && error.status === 404 && error.code === NOT_FOUND;

/** Whether it may have been done all the same. */
export const isAmbiguous = (error: ZitadelError) => error.isTemporary && error.status !== 429;

/**
 * Nothing is wrong with what was asked for: ZITADEL is down or wants a pause, it does not take our token (401, 403), or
 * what answers is not ZITADEL.
 */
export const isNobodysFault = (error: ZitadelError) =>
  error.isTemporary ||
  error.status === 401 ||
  (error.status === 403 && error.id !== UNKNOWN_ORGANIZATION) ||
  (error.id === undefined && error.code !== INVALID_ARGUMENT);

export function failed(
  error: ZitadelError,
): Extract<ImportOutcome, { kind: 'refused' } | { kind: 'unavailable' }> {
  if (isNobodysFault(error)) return unknown(error);
  return { kind: 'refused', code: error.reason, sentence: error.message };
}

export function unknown(error: ZitadelError): Extract<ImportOutcome, { kind: 'unavailable' }> {
  const { retryAfterSeconds, status } = error;
  return {
    kind: 'unavailable',
    code: error.reason,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(status === 429 && { isThrottled: true }),
  };
}

/** Throws target_unavailable or target_refused for what ZITADEL says; everything else as it is. */
export function thrown(error: unknown): never {
  if (!(error instanceof ZitadelError)) throw error;
  const { retryAfterSeconds } = error;
  throw new FootbridgeError(isNobodysFault(error) ? 'target_unavailable' : 'target_refused', {
    detail: `zitadel ${error.reason}: ${error.message}`,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
