/** Errors as ZITADEL's gRPC gateway writes them. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  // The gateway knows no 412: a failed precondition is a 400 too.
  9: 400,
  12: 501,
  13: 500,
  14: 503,
  16: 401,
};

/** What the keys read like in English; an unknown key stays as it is, which is what ZITADEL does too. */
const ENGLISH: Readonly<Record<string, string>> = {
  'Errors.User.NotFound': 'User could not be found',
  'Errors.User.AlreadyExists': 'User already exists',
  'Errors.User.AlreadyExisting': 'User already exists',
  'Errors.User.AlreadyInactive': 'User already inactive',
  'Errors.User.Password.Invalid': 'Password is invalid',
  'Errors.User.Locked': 'User is locked',
  'Errors.Target.DeniedURL': 'Target URL is denied',
};

export class ApiError extends Error {
  readonly code: number;
  readonly id: string | undefined;
  /** `Errors.User.NotFound`, or a sentence where ZITADEL has no key. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Present for a wrong password, which has an error detail of its own. */
  readonly failedAttempts: number | undefined;

  constructor(
    code: number,
    [id, key]: readonly [string | undefined, string],
    more: { headers?: Record<string, string>; failedAttempts?: number } = {},
  ) {
    super(id ? `${ENGLISH[key] ?? key} (${id})` : key);
    this.code = code;
    this.id = id;
    this.key = key;
    this.headers = more.headers ?? {};
    this.failedAttempts = more.failedAttempts;
  }

  get status(): number {
    return HTTP_STATUS[this.code] ?? 500;
  }

  toJSON(): object {
    if (!this.id) return { code: this.code, message: this.message, details: [] };
    const said = { id: this.id, message: ENGLISH[this.key] ?? this.key };
    const type = 'type.googleapis.com/zitadel.v1.';
    const detail =
      this.failedAttempts === undefined
        ? { '@type': `${type}ErrorDetail`, ...said }
        : { '@type': `${type}CredentialsCheckError`, ...said, failedAttempts: String(this.failedAttempts) };
    return { code: this.code, message: this.message, details: [detail] };
  }
}

const error = (code: number) => (id: string | undefined, key: string) => new ApiError(code, [id, key]);

export const invalid = error(3);
export const notFound = error(5);
export const alreadyExists = error(6);
export const denied = error(7);
export const precondition = error(9);
export const internal = error(13);
export const unavailable = error(14);
export const unauthenticated = error(16);
export const unimplemented = error(12);
