/** Requests that change an entry, as ldapts sends them. */
import type { BerWriter, Client, Filter } from 'ldapts';

export interface Modification {
  readonly changes: readonly {
    readonly operation: 'add' | 'delete' | 'replace';
    readonly attribute: string;
    readonly values: readonly Buffer[];
  }[];
  /** Attributes that must have no value: asserted where the server knows how (RFC 4528), else left to chance. */
  readonly absent: readonly string[];
}

type Ldapts = typeof import('ldapts');

/** RFC 4528 section 3. */
const ASSERTION = '1.3.6.1.1.12';
/** RFC 3062 section 2. */
const PASSWORD_MODIFY = '1.3.6.1.4.1.4203.1.11.1';
/** Context-specific tags of PasswdModifyRequestValue. */
const USER_IDENTITY = 0x80;
const NEW_PASSWORD = 0x82;

export async function modifyWith(
  ldapts: Ldapts,
  client: Client,
  dn: string,
  { changes, absent }: Modification,
): Promise<void> {
  const modifications = changes.map(
    ({ operation, attribute, values }) =>
      new ldapts.Change({
        operation,
        modification: new ldapts.Attribute({ type: attribute, values: [...values] }),
      }),
  );
  await client.modify(dn, modifications, absent.length > 0 ? assertion(ldapts, absent) : undefined);
}

/** Not critical: a server that knows no assertions does without. */
function assertion(ldapts: Ldapts, absent: readonly string[]) {
  const { AndFilter, Control, NotFilter, PresenceFilter } = ldapts;
  const filters = absent.map((attribute) => new NotFilter({ filter: new PresenceFilter({ attribute }) }));
  const filter: Filter = new AndFilter({ filters });
  return new (class extends Control {
    protected override writeControl(writer: BerWriter): void {
      const inner = new ldapts.BerWriter();
      filter.write(inner);
      writer.writeBuffer(inner.buffer, 0x04);
    }
  })(ASSERTION);
}

export async function setPasswordWith(
  { BerWriter }: Ldapts,
  client: Client,
  dn: string,
  password: string,
): Promise<void> {
  const value = new BerWriter();
  value.startSequence();
  value.writeString(dn, USER_IDENTITY);
  value.writeString(password, NEW_PASSWORD);
  value.endSequence();
  await client.exop(PASSWORD_MODIFY, value.buffer);
}
