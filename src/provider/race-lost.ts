/** Why a request's writes were refused although the database is well. */
export class RaceLost extends Error {
  readonly reason: 'consumed' | 'session_ended' | 'repeated';
  constructor(reason: RaceLost['reason']) {
    super(`the request lost a race: ${reason}`);
    this.name = 'RaceLost';
    this.reason = reason;
  }
}
