import { forumFormats } from '../../../src/credentials/formats/forums.ts';
import { formatContract } from '../format-contract.ts';

formatContract('forums', forumFormats);
