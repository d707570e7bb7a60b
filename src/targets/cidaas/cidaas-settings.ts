/** Settings that only a target of the kind `cidaas` has. */
import { z } from 'zod';

export const cidaasSettings = z.strictObject({});
export type CidaasSettings = z.output<typeof cidaasSettings>;
