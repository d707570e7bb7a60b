/** Settings of what sync writes to an API: one request with the members that change. */
import { z } from 'zod';
import { column, columnPlace, fieldsWith, passwordWords } from '../../apply-settings.ts';
import type { Request } from './request-settings.ts';
import { requestWith, statuses, WRITING } from './request-settings.ts';
import { holesIn, textsIn } from './template.ts';

const answers = {
  gone: statuses.default([404, 410]).describe('Statuses that say: there is no such person.'),
  taken: statuses
    .default([409])
    .describe('Statuses that say: somebody else has a value that only one may have.'),
  refused: statuses
    .default([400, 422])
    .describe('Statuses that say: it does not take a value. Every other that is no 2xx is an outage.'),
};

/** What a body may have in the place of a value: objects of members. */
export const CHANGES = '{changes}';
export const BEFORE = '{before}';

const request = requestWith(
  WRITING,
  { names: ['id', 'mark'], hidden: ['changes', 'before'] },
  {
    ...answers,
    changed: statuses
      .default([412])
      .describe('Statuses that say: somebody has changed it meanwhile, and nothing was written.'),
    ifMatch: z
      .union([z.literal('etag'), z.strictObject({ member: column.describe('The member with its version.') })])
      .optional()
      .describe(
        'Sends If-Match (RFC 9110), with the ETag of the answer to `byId` or with a member of the record: so that the API writes only over what we have seen.',
      ),
  },
).superRefine((given, context) => {
  const { path, query, form, body } = given as unknown as Request;
  const fail = (at: string, message: string) => context.addIssue({ code: 'custom', path: [at], message });
  if (!holesIn([path, ...Object.values(query), ...textsIn(body)]).includes('id'))
    fail('path', 'the value {id} is missing');
  if (form !== undefined) fail('form', 'expected JSON: the members that change are an object');
  if (body !== undefined && !textsIn(body).includes(CHANGES)) fail('body', `the value ${CHANGES} is missing`);
  const texts = textsIn(body).filter((text) => text !== CHANGES && text !== BEFORE);
  if (texts.some((text) => holesIn([text]).some((name) => name === 'changes' || name === 'before')))
    fail('body', `${CHANGES} and ${BEFORE} have to stand alone`);
});

/** `authorization`: how it is said who we are. */
export const httpApply = <Who extends z.ZodType>(authorization: Who) =>
  z
    .strictObject({
      authorization: authorization.optional().describe('Who may write this; by default who reads.'),
      request: request.describe(
        'The request that changes one person. Without `body`, its body is the members that change. The header Idempotency-Key says which write it is.',
      ),
      ...fieldsWith(columnPlace, columnPlace),
      password: z
        .strictObject({ column: column.describe('The member.'), ...passwordWords })
        .optional()
        .describe('Where a new password is written.'),
      remove: requestWith(WRITING, { names: ['id', 'mark'] }, answers)
        .optional()
        .describe('The request that takes a person out of the store.'),
    })
    .optional()
    .describe('What sync writes to the API: which field goes to which member. Only what is named here.');
