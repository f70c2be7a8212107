/**
 * webgpu-fast with products of fp16. A name of its own, so that records tell which computed: which is the faster depends on the card, and a choice by a timing would not be the
 * same in each run.
 */
import type { Engine } from '../engines.ts';
import { gpuLacks } from '../webgpu/adapter.ts';
import { FP16_ARITHMETIC, openWebGpuFast } from './webgpu-fast.ts';

export const webgpuFastF16: Engine = {
  name: 'webgpu-fast-f16',
  title: 'as webgpu-fast, with products of fp16 where weights are of 4 bits or fp16; not exact',
  rank: 0,
  canonical: false,
  gpuFeature: FP16_ARITHMETIC,
  unavailable: () => gpuLacks(FP16_ARITHMETIC),
  open: () => openWebGpuFast(undefined, 'webgpu-fast-f16'),
};
