/** What ends with an event besides the row's state. */
import type { Part } from '../store/statement.ts';
import { wipePart } from './captured-passwords.ts';
import { revokeOfPart } from './claim-tokens/claim-tokens.ts';
import type { Event } from './states.ts';

/** The target has the secrets, or never will. */
const WIPES: ReadonlySet<Event> = new Set(['confirm', 'retire', 'exclude', 'delete']);
/** A link that was sent before is for what they were then. */
const REVOKES: ReadonlySet<Event> = new Set(['revert', 'exclude', 'delete']);

/** Of the people of an earlier part with the columns target and sub. */
export const endParts = (events: readonly Event[], moved: string): Part[] => [
  ...(events.some((event) => WIPES.has(event)) ? [wipePart(moved)] : []),
  ...(events.some((event) => REVOKES.has(event)) ? [revokeOfPart(moved)] : []),
];
