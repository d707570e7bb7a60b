import { nodeFormats } from '../../../src/credentials/formats/node.ts';
import { formatContract } from '../format-contract.ts';

formatContract('node', nodeFormats);
