/** The frameworks whose sessions are read and written. */
import type { SessionFormat } from '../session-format.ts';
import { django } from './django.ts';
import { express } from './express.ts';
import { json } from './json.ts';
import { laravel } from './laravel.ts';
import { php } from './php.ts';
import { rails } from './rails.ts';

export const SESSION_FORMATS = { django, express, json, laravel, php, rails } satisfies Record<
  string,
  SessionFormat
>;
