import { goFormats } from '../../../src/credentials/formats/go.ts';
import { formatContract } from '../format-contract.ts';

formatContract('go', goFormats);
