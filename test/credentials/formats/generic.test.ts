import { genericFormats } from '../../../src/credentials/formats/generic.ts';
import { formatContract } from '../format-contract.ts';

formatContract('generic', genericFormats);
