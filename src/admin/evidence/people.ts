/** How people are called in a pack: by the pseudonym of the audit log, and by their names only where somebody asks for it. */

export interface Naming {
  readonly names: boolean;
  /** As the audit log has it; hexadecimal. */
  readonly pseudonym: (sub: string) => string;
}

/** A plan may list people one by one. */
export function planWithout(plan: unknown, { names, pseudonym }: Naming): unknown {
  const { segments, ...rest } = plan as { readonly segments?: Readonly<Record<string, object>> };
  if (names || segments === undefined) return plan;
  const hidden = Object.entries(segments).map(([name, segment]) => {
    const { subs } = segment as { readonly subs?: readonly string[] };
    return [name, subs ? { ...segment, subs: subs.map(pseudonym).toSorted() } : segment] as const;
  });
  return { ...rest, segments: Object.fromEntries(hidden) };
}

/** Subjects stand in a report as examples. */
export function reportWithout<Report extends { readonly examples: unknown }>(
  report: Report,
  { names }: Naming,
): object {
  if (names) return report;
  const { examples: _, ...rest } = report;
  return { ...rest, examples: 'left out: people are not named in this pack' };
}
