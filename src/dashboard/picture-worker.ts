import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { Resvg } from '@resvg/resvg-js';
import { FONT_FAMILY, PICTURE, statsChart } from './stats-chart.ts';
import type { Stats } from './stats-view.ts';

/** A thread of its own: drawing takes a good part of a second, and webhooks are not to wait for it. */

const require = createRequire(import.meta.url);

/** In one file, as `require` finds it: the same in its hundreds of modules takes eight times as long to load. */
const { init } = require('echarts') as typeof import('echarts');

/** Brought along: the machine may have no font at all. */
const FONTS = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) => require.resolve(`dejavu-fonts-ttf/ttf/${file}`));

parentPort!.postMessage(toPng(toSvg(workerData as Stats)));

function toSvg(stats: Stats): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...PICTURE });
  chart.setOption(statsChart(stats));
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function toPng(svg: string): Uint8Array {
  const font = {
    loadSystemFonts: false,
    fontFiles: FONTS,
    defaultFontFamily: FONT_FAMILY,
    sansSerifFamily: FONT_FAMILY,
  };
  return new Uint8Array(new Resvg(svg, { font }).render().asPng());
}
