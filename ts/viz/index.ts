// The viz room: charts as SVG, images as PNG, tables as text.
export { imageGrid } from './image-grid';
export type { ImageBatch, ImageGridOptions } from './image-grid';
export type { Matrix } from './matrix';
export { encodePng } from './png';
export type { Image } from './png';
export { lineChart } from './svg-chart';
export type { LineChartOptions, Series } from './svg-chart';
export { confusionChart, heatmap } from './svg-matrix';
export type { HeatmapOptions } from './svg-matrix';
export { table } from '../text-table';
export type { TableOptions } from '../text-table';
export { confusionTable, sparkline } from './terminal';
