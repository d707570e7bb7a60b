/** What every export of a batch asks for. */
import { z } from 'zod';

/** Lines of one answer: some 40 MB; a file takes any number. */
const MAX_LINES = 100_000;

export const exportInput = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_LINES)
    .default(MAX_LINES)
    .describe('Lines at most in one answer.'),
  output: z
    .string()
    .min(1)
    .optional()
    .describe('On the command line: a new file to write all of it to, readable for its owner.'),
};
