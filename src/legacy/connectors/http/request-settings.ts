/** Settings of one request: what is fixed, and which values stand in its holes. */
import { z } from 'zod';
import type { Json } from './template.ts';
import { pathProblem, textProblem, textsIn } from './template.ts';

export const statuses = z.array(z.int().min(200).max(499)).max(20);

export const READING = z
  .enum(['GET', 'POST', 'PUT', 'PATCH'])
  .default('GET')
  .describe('The request’s method.');
export const WRITING = z
  .enum(['POST', 'PUT', 'PATCH', 'DELETE'])
  .default('POST')
  .describe('The request’s method.');

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: Json | undefined;
  readonly form?: Readonly<Record<string, string>> | undefined;
  /** A body that is filled already, and further headers: made by us, and no settings. */
  readonly json?: Json | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

interface Holes {
  /** What may stand in braces. */
  readonly names: readonly string[];
  /** What may stand so in the body only. */
  readonly hidden?: readonly string[];
}

export function requestWith<Method extends z.ZodType<string>, Rest extends z.ZodRawShape>(
  method: Method,
  { names, hidden = [] }: Holes,
  rest: Rest,
) {
  return z
    .strictObject({
      method,
      path: z
        .string()
        .max(500)
        .describe(`Below \`url\`; in braces, values: ${names.map((name) => `{${name}}`).join(', ')}.`),
      query: z
        .record(z.string().min(1).max(100), z.string().max(500))
        .default({})
        .describe(
          'Parameters; a value in braces stands alone, or as {…:json}, which is a JSON text with its quotes.',
        ),
      body: (z.json() as unknown as z.ZodType<Json>)
        .optional()
        .describe('Sent as JSON; texts that are one {…} become the value.'),
      form: z
        .record(z.string().min(1).max(100), z.string().max(500))
        .optional()
        .describe('Sent as a form instead.'),
      ...rest,
    })
    .superRefine((request, context) => {
      const { path, query, body, form, method } = request as unknown as Request;
      const fail = (at: string, message: string | undefined) =>
        message !== undefined && context.addIssue({ code: 'custom', path: [at], message });
      fail('path', pathProblem(path, names));
      for (const text of Object.values(query)) fail('query', textProblem(text, names));
      for (const text of textsIn(body)) fail('body', textProblem(text, [...names, ...hidden]));
      for (const text of Object.values(form ?? {})) fail('form', textProblem(text, [...names, ...hidden]));
      if (body !== undefined && form !== undefined) fail('form', 'expected `body` or `form`, not both');
      if (method === 'GET' && (body !== undefined || form !== undefined))
        fail('method', 'GET has no body: expected another method');
    });
}
