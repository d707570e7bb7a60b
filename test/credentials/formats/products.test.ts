import { productFormats } from '../../../src/credentials/formats/products.ts';
import { formatContract } from '../format-contract.ts';

formatContract('products', productFormats);
