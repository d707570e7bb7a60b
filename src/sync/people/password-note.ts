/** What a person's state says of the legacy password that was dealt with last. */

/** The fingerprint of the legacy password that was dealt with; one that waits is dealt with again in every turn, and woken by nobody. */
export const noteOf = (madeOf: string | undefined, isWaiting: boolean) =>
  isWaiting ? `${WAITS}${madeOf ?? ''}` : madeOf;
const WAITS = 'waits ';

/** Whether the legacy store has another password than the one that was noted. */
export const isAnotherPassword = (madeOf: string | undefined, noted: string | undefined): boolean =>
  madeOf !== noted && noted !== `${WAITS}${madeOf ?? ''}`;
