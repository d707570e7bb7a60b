/** What Kratos says when it does not do what it was asked for. */
import { FootbridgeError } from '../../errors.ts';

interface Told {
  /** HTTP; 0: there was no answer. */
  readonly status: number;
  /** Ours for what Kratos says in a sentence; undefined where it says nothing we know. */
  readonly reason?: string | undefined;
  /** Without a value that we sent. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  /** A field of the request that this Kratos does not have. */
  readonly unknownField?: string | undefined;
  /** JSON pointer of the value that does not fit the schema, as `/traits/email`. */
  readonly pointer?: string | undefined;
  /** Kratos says that this is not there. */
  readonly isGone?: boolean | undefined;
  /** It is not in Kratos' form: a proxy, or another server, has answered. */
  readonly isStrange?: boolean | undefined;
  /** A 500 for what was sent: its database does not take it. */
  readonly isOfData?: boolean | undefined;
}

/** `message` may go to a log: it says nothing of what was sent. */
export class KratosError extends Error {
  readonly status: number;
  /** For outcomes and logs: `traits-format`, or else `http-404`, `no-answer`. */
  readonly reason: string;
  readonly retryAfterSeconds?: number;
  readonly unknownField: string | undefined;
  readonly pointer: string | undefined;
  readonly isGone: boolean;
  readonly isOfData: boolean;
  readonly #isStrange: boolean;

  constructor(told: Told) {
    super(told.message);
    const { status, reason, retryAfterSeconds } = told;
    this.name = 'KratosError';
    this.status = status;
    this.reason = reason ?? (status === 0 ? 'no-answer' : `http-${status}`);
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
    this.unknownField = told.unknownField;
    this.pointer = told.pointer;
    this.isGone = told.isGone ?? false;
    this.isOfData = told.isOfData ?? false;
    this.#isStrange = told.isStrange ?? false;
  }

  /** The same call may succeed later. Nobody knows whether this one did, except at 429. */
  get isTemporary(): boolean {
    const { status } = this;
    return status === 0 || status === 408 || status === 429 || (status >= 500 && !this.isOfData);
  }

  /** Nothing is wrong with what was asked for: it is down, wants a pause, does not let us in, or is not Kratos. */
  get isNobodysFault(): boolean {
    const { status } = this;
    return this.isTemporary || this.#isStrange || status < 400 || NOT_LET_IN.has(status);
  }
}

/** It does not know us, or does not let us, or the plan is used up. */
const NOT_LET_IN = new Set([401, 402, 403]);

/** There was no answer, and the request never reached anybody. */
export class Unsent extends KratosError {}

/** It was not our turn within the time: because Kratos wants a pause (429), or by the pace that we keep ourselves. */
export class Unturned extends Unsent {
  constructor(
    message: string,
    { isHeld, retryAfterSeconds }: { isHeld: boolean; retryAfterSeconds: number | undefined },
  ) {
    super({ status: isHeld ? 429 : 0, reason: isHeld ? undefined : 'own-pace', message, retryAfterSeconds });
  }
}

/** Kratos' sentences → our codes. None of them is repeated: some hold what was sent. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/does not match any known hash format/, 'password-hash-unknown'],
  [/declares cost parameters that exceed/, 'password-hash-bounds'],
  [/password hash could not be parsed/, 'password-hash-malformed'],
  [/requires a non-empty user_handle/, 'passkey-user-handle'],
  [/Unable to find JSON Schema ID/, 'schema-unknown'],
  [/last first factor/, 'last-first-factor'],
  [/maximum number of identities per request/, 'batch-too-large'],
  [/endpoint was disabled/, 'endpoint-disabled'],
  [/requested identity id does not exist/, 'identity-gone'],
  [/with missing or empty identifier/, 'identifier-empty'],
  [/SQLSTATE 22001/, 'value-too-long'],
  [/SQLSTATE 22/, 'value-not-text'],
];
/** Class 22 of PostgreSQL is "data exception"; an identifier that is empty once trimmed is called a misconfiguration. */
const OF_DATA = /SQLSTATE 22|with missing or empty identifier/;
const GONE = /Unable to locate the resource|requested identity id does not exist/;

/** `{"error":{code,status,reason,message}}`; `code` may be another than the answer's. */
export function errorOf(
  status: number,
  document: unknown,
  told: { what: string; retryAfterSeconds?: number | undefined },
): KratosError {
  const { error } = objectOf(document);
  const { reason, message } = objectOf(error);
  const said = [reason, message].filter((text) => typeof text === 'string').join('\n');
  const traits = traitsProblem(said);
  const unknownField = /unknown field "(\w{1,60})"/.exec(said)?.[1];
  const known = REASONS.find(([pattern]) => pattern.test(said))?.[1];
  const code = unknownField
    ? 'unknown-field'
    : (traits?.code ?? known ?? (status === 409 ? 'conflict' : undefined));
  const about = traits?.about ?? unknownField;
  return new KratosError({
    status,
    reason: code,
    message: `${told.what} answers ${status}${code ? `: ${code}` : ''}${about ? ` (${about})` : ''}`,
    retryAfterSeconds: told.retryAfterSeconds,
    unknownField,
    pointer: traits?.pointer,
    isGone: GONE.test(said),
    isOfData: OF_DATA.test(said),
    isStrange: typeof error !== 'object' || error === null,
  });
}

/**
 * `I[#/traits/email] S[#/properties/…/email/format] "…" is not valid "email"`: where in the traits, and which rule of
 * the schema. The last line is the most exact one. The value behind it is the person's.
 */
function traitsProblem(said: string) {
  const [, pointer, rule] =
    [...said.matchAll(/I\[#([\w/~.-]{0,200})\] S\[#[^\]]*?\/(\w{1,40})\]/g)].at(-1) ?? [];
  if (pointer === undefined || rule === undefined) return undefined;
  // Names of traits, which are the schema's and the settings'.
  const name = /(?:missing properties: |additionalProperties )"([\w-]{1,64})"/.exec(said)?.[1];
  return { pointer, code: `traits-${rule}`, about: name ? `${pointer}, ${name}` : pointer };
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/** As the rooms above know it: target_unavailable or target_refused. */
export function asFootbridgeError(error: unknown): unknown {
  if (!(error instanceof KratosError)) return error;
  const { message: detail, retryAfterSeconds } = error;
  if (!error.isNobodysFault) return new FootbridgeError('target_refused', { detail: `kratos: ${detail}` });
  return new FootbridgeError('target_unavailable', {
    detail: `kratos: ${detail}`,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
