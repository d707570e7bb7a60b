import { werkzeugFormats } from '../../../src/credentials/formats/werkzeug.ts';
import { formatContract } from '../format-contract.ts';

formatContract('werkzeug', werkzeugFormats);
