/** Operations as links on a page: only what the person may do is offered. What it does, its form says. */
import { operations } from '../operations/index.ts';
import type { Who } from '../perform.ts';
import { mayDo, roleFor } from '../perform.ts';
import { doHref } from './page.ts';
import type { Link } from './panels.ts';

export interface Offer {
  readonly operation: string;
  readonly label: string;
  readonly input?: Readonly<Record<string, string | undefined>>;
  readonly look?: Link['look'];
}

/** Nothing where it is not theirs to do. */
export function offer({ role }: Pick<Who, 'role'>, { operation, label, input, look }: Offer): Link[] {
  const found = operations.find(({ name }) => name === operation);
  if (!found || !mayDo(role, roleFor(found))) return [];
  return [{ label, href: doHref(operation, input), ...(look ? { look } : {}) }];
}
