/** What the settings of all apps have in common whose sessions we read and write where they are stored. */
import { z } from 'zod';
import { count } from '../../settings.ts';
import { SESSION_FORMATS } from '../formats/index.ts';
import type { OpenFormat, SessionFormat } from '../session-format.ts';
import { factSettings } from './login-facts.ts';
import { cookieSettings } from './session-cookie.ts';
import { templateSettings } from './session-template.ts';

const FORMATS: Readonly<Record<string, SessionFormat>> = SESSION_FORMATS;

const frameworks = Object.entries(FORMATS).map(([name, { settings }]) =>
  settings.safeExtend({ format: z.literal(name).describe('How the framework writes its sessions.') }),
);
type Framework = (typeof frameworks)[number];
const framework = z
  .discriminatedUnion('format', frameworks as [Framework, ...Framework[]])
  .describe('The framework that makes the sessions, and what its cookies are signed or sealed with.');

const DAY = 86_400;

export const storedSettings = {
  framework,
  ...factSettings,
  cookie: cookieSettings,
  idleSeconds: count(60, 400 * DAY, DAY)
    .removeDefault()
    .exactOptional()
    .describe(
      'How long the app lets a session live that is not used. Ours get that long at first; where the app stores only when a session was used, it is what tells whether one is still good.',
    ),
  renew: z.boolean().default(true).describe('What is used here lives on there.'),
  create: z
    .strictObject({ data: templateSettings })
    .exactOptional()
    .describe('Present: a login here makes a session there.'),
  timeoutMs: count(100, 5_000, 1_500).describe('How long the app’s store may take to answer.'),
};

/** The settings of a format as they come out of the union. */
export type FrameworkSettings = z.output<typeof framework>;

export const formatOf = ({ format }: FrameworkSettings): SessionFormat =>
  FORMATS[format as string] as SessionFormat;

export function openFormat(settings: FrameworkSettings): OpenFormat {
  const { format: _, ...own } = settings;
  return formatOf(settings).open(own);
}
