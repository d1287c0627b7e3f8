// Writes what a file compressed with Brotli holds to standard output: node unpack.mjs FILE
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

await pipeline(createReadStream(process.argv[2]), createBrotliDecompress(), process.stdout);
