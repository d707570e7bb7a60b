/** What ZITADEL says when it does not do what it was asked for. */

/** How its REST gateway answers (`google.rpc.Status` with a `zitadel.v1.ErrorDetail`). */
interface Told {
  /** HTTP; 0: there was no answer. */
  readonly status: number;
  /** gRPC (`google.rpc.Code`); 2 (unknown) where nothing was said. */
  readonly code?: number;
  /** Names the place in ZITADEL's source that refused, as `COMMAND-k2unb`. */
  readonly id?: string | undefined;
  /** Without a value that we sent. */
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
  /** It has counted a wrong password (`zitadel.v1.CredentialsCheckError`). */
  readonly isWrongPassword?: boolean;
}

const UNKNOWN = 2;
const MAX_SENTENCE = 300;
/** A longer text is no sentence of ZITADEL's. */
const MAX_TOLD = 4_000;
/** The end of a message, as in `User already exists (V2-DKcYh)`. */
const ID = /\(([\w.-]{2,60})\)\s*$/;

/** `message` may go to a log: it says nothing of what was sent. */
export class ZitadelError extends Error {
  readonly status: number;
  readonly code: number;
  readonly id: string | undefined;
  readonly retryAfterSeconds?: number;
  readonly isWrongPassword: boolean;

  constructor(told: Told) {
    const { status, code = UNKNOWN, id, message, retryAfterSeconds, isWrongPassword = false } = told;
    super(message);
    this.name = 'ZitadelError';
    this.status = status;
    this.code = code;
    this.id = id;
    this.isWrongPassword = isWrongPassword;
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The same call may succeed later. Nobody knows whether this one did, except at 429. */
  get isTemporary(): boolean {
    const { status } = this;
    return status === 0 || status === 408 || status === 429 || (status >= 500 && status !== 501);
  }

  /** The target's own code for this, for outcomes and logs: `COMMAND-k2unb`, or else `HTTP-404`. */
  get reason(): string {
    return this.id ?? (this.status === 0 ? 'no-answer' : `HTTP-${this.status}`);
  }
}

export interface Refusal {
  readonly status: number;
  /** The answer's JSON, if it is JSON. */
  readonly document: unknown;
  /** The call, as `POST /v2/users/human`. */
  readonly what: string;
  /** What was sent: none of it is repeated. */
  readonly sent: unknown;
  readonly retryAfterSeconds?: number | undefined;
}

/** Reads `{code, message, details: [{id, message}]}`, or OAuth's `{error, error_description}` (RFC 6749 section 5.2). */
export function errorOf({ status, document, what, sent, retryAfterSeconds }: Refusal): ZitadelError {
  const { code, message, details, error, error_description } = objectOf(document);
  const all = (Array.isArray(details) ? details : []).map(objectOf);
  const detail = all.find(({ id }) => textOf(id));
  const told = textOf(message) ?? textOf(error_description) ?? textOf(detail?.message) ?? '';
  const id = textOf(detail?.id) ?? ID.exec(told)?.[1] ?? textOf(error);
  const sentence = withoutWhatWasSent(told, sent).slice(0, MAX_SENTENCE);
  return new ZitadelError({
    status,
    code: typeof code === 'number' ? code : UNKNOWN,
    id: id !== undefined && /^[\w.-]{1,60}$/.test(id) && withoutWhatWasSent(id, sent) === id ? id : undefined,
    message: `${what} answers ${status}${sentence && `: ${sentence}`}`,
    retryAfterSeconds,
    isWrongPassword: all.some((one) => textOf(one['@type'])?.endsWith('/zitadel.v1.CredentialsCheckError')),
  });
}

/** Its JSON parser quotes what it cannot read, and that may be a password. */
function withoutWhatWasSent(sentence: string, sent: unknown): string {
  if (sentence.length > MAX_TOLD) return '';
  const values = textsIn(sent)
    .filter((text) => text.length > 2)
    .sort((a, b) => b.length - a.length);
  const unquoted = sentence.replace(/"(?:[^"\\]|\\.)*"?/g, '"…"');
  return values.reduce((text, value) => text.replaceAll(value, '…'), unquoted);
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
