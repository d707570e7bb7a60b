/** Kratos' errors (`herodot`): `{"error":{code,status,reason,message}}`, and without `reason` for those of its database. */

export class Refused extends Error {
  readonly status: number;
  readonly reason: string | undefined;
  /** What `code` says, where it is another than the answer's. */
  readonly code: number;

  constructor(status: number, told: { reason?: string; message?: string; code?: number } = {}) {
    super(told.message ?? MESSAGES[status] ?? 'Something went wrong');
    this.status = status;
    this.reason = told.reason;
    this.code = told.code ?? status;
  }

  get document() {
    const { code, reason, message } = this;
    return { code, status: STATUSES[code] ?? 'Error', ...(reason !== undefined && { reason }), message };
  }
}

const MALFORMED = 'The request was malformed or contained invalid parameters';
const MESSAGES: Readonly<Record<number, string>> = {
  400: MALFORMED,
  401: 'The request could not be authorized',
  409: 'Unable to insert or update resource because a resource with that value exists already',
  404: 'Unable to locate the resource',
};
const STATUSES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

export const badRequest = (reason: string) => new Refused(400, { reason });
/** Of the decoder: the answer is 400 and the document says 500. */
export const undecodable = (message: string) => new Refused(400, { message, code: 500 });
/** Of PostgreSQL, which fails the whole call. */
export const dataException = (state: '22001' | '22021' | '22P05', what: string) =>
  new Refused(500, { message: `ERROR: ${what} (SQLSTATE ${state})` });
