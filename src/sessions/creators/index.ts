/** The ways to create a legacy session. */
import { handOver } from './hand-over.ts';
import { httpHook } from './http-hook.ts';

export const CREATORS = { 'http-hook': httpHook, 'hand-over': handOver };
