/** As much of express-session as the tests use; it brings no types of its own. */
declare module 'express-session' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface SessionData {
    passport?: { user: number };
    loggedInAt?: number;
    twoFactor?: boolean;
  }
  export interface Session extends SessionData {
    regenerate(done: () => void): void;
    destroy(done: () => void): void;
  }
  export class Store {}
  export default function session(
    options: object,
  ): (request: IncomingMessage & { session?: Session }, response: ServerResponse, next: () => void) => void;
}
