/**
 * Pages drawn: a page's template within the one layout. Templates escape whatever they print; what is raw (`<%~ %>`) is made
 * by our own code, never of what anybody wrote.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { Eta } from 'eta/core';
import type { Role } from '../operation.ts';
import type { Who } from '../perform.ts';
import type { AssetPaths } from './assets.ts';
import { MARK } from './assets.ts';
import { DRAWING_NAMES, drawingCalls } from './drawing.ts';

export interface MenuGroup {
  readonly name: string;
  readonly links: readonly { readonly title: string; readonly href: string; readonly isHere: boolean }[];
}

/** What stands around a page. */
export interface Frame {
  readonly title: string;
  readonly now: Date;
  /** With its query: what a refresh asks for again. */
  readonly here: string;
  readonly refreshSeconds?: number | undefined;
  /** Undefined: nobody is signed in, and there is neither menu nor header. */
  readonly signedIn?:
    | {
        readonly who: Who;
        readonly csrf: string;
        readonly menu: readonly MenuGroup[];
        /** One link per target, where there are several. */
        readonly targets: readonly {
          readonly name: string;
          readonly href: string;
          readonly isHere: boolean;
        }[];
      }
    | undefined;
  /** Where the browser goes on to by itself: only our own paths. */
  readonly onward?: string;
}

export interface Rendering {
  /** A whole document. */
  page(frame: Frame, template: string, data: object): string;
}

const ROLE_SAYS: Readonly<Record<Role, string>> = {
  viewer: 'viewer: looks',
  operator: 'operator: acts',
  admin: 'admin: everything',
};

export const HTMX_SETTINGS = JSON.stringify({
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  historyCacheSize: 0,
  scrollIntoViewOnBoost: false,
});

/** `data`: the page's own; `frame`: what stands around it. An included part gets only what it is given: `{ ...it, chart }`. */
const NAMES = ['data', 'frame', 'assets', 'csrf', 'may', 'mark', 'roleSays', 'htmx', ...DRAWING_NAMES];

export function openRendering(assets: AssetPaths): Rendering {
  const eta = new Eta({ autoEscape: true, functionHeader: `const { ${NAMES.join(', ')} } = it;` });
  const folder = join(import.meta.dirname, 'templates');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.eta')))
    eta.loadTemplate(`@${parse(file).name}`, readFileSync(join(folder, file), 'utf8'));
  return {
    page(frame, template, data) {
      const it = {
        data,
        frame,
        assets,
        csrf: frame.signedIn?.csrf ?? '',
        mark: MARK,
        roleSays: ROLE_SAYS,
        htmx: HTMX_SETTINGS,
        ...drawingCalls(frame.now),
      };
      return eta.render('@layout', { ...it, body: eta.render(`@${template}`, it) });
    },
  };
}
