import { rubyFormats } from '../../../src/credentials/formats/ruby.ts';
import { formatContract } from '../format-contract.ts';

formatContract('ruby', rubyFormats);
