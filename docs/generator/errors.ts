/** Every error code, from `src/errors.ts`, with the calls that answer it. */
import { ERRORS } from '../../src/errors.ts';
import { migrationOperations } from '../../src/migration/migration-routes.ts';
import { sessionOperations } from '../../src/sessions/sessions-routes.ts';
import { code, page, table } from './markdown.ts';

const ROUTES = [...migrationOperations, ...sessionOperations];

export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([name, [status, sentence]]) => [
    code(name),
    String(status),
    sentence,
    ROUTES.filter(({ errors }) => (errors as readonly string[]).includes(name))
      .map(({ method, path }) => code(`${method} ${path}`))
      .join(', '),
  ]);
  return page('Errors', {
    from: '`src/errors.ts`',
    text: `${INTRODUCTION}\n\n${table(['Code', 'HTTP', 'Sentence', 'Answered by'], rows)}`,
  });
}

const INTRODUCTION = `HTTP answers are problem documents ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with \`type\`
\`urn:footbridge:error:<code>\` and a member \`code\`. The OpenID endpoints answer as their RFCs say, and people get a page.
A code never changes its meaning. Codes without a call in the last column come from every listener or from login pages.`;
