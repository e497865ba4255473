// LeNet: two convolutions with pooling, then fully connected layers.
import { ValueError } from '../errors';
import { checkOptions } from '../handle';
import { Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, sequential } from '../nn';
import type { Layer } from '../nn';
import type { Tensor } from '../tensor';

/** What a LeNet is made of; the defaults are those of LeNet-5 with ReLU and max pooling. */
export interface LeNetOptions {
  /** Height, width and channels of an image. */
  readonly input?: readonly [number, number, number];
  readonly classes?: number;
  /** Channels of the two convolutions. */
  readonly channels?: readonly [number, number];
  /** Units of the hidden fully connected layers. */
  readonly hidden?: readonly number[];
  /** Probability to drop a unit before each fully connected layer. */
  readonly dropout?: number;
}

/**
 * Images [batch, height, width, channels] to logits [batch, classes]: conv 5x5 'same', ReLU, max-pool 2; conv 5x5, ReLU,
 * max-pool 2; fully connected. After LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document
 * recognition, 1998.
 *
 * @example
 * const model = new models.LeNet({ channels: [16, 32], hidden: [128] });
 * model.forward(zeros([8, 28, 28, 1])); // [8, 10]
 */
export class LeNet extends Module implements Layer {
  readonly features: Layer;
  readonly head: Layer;

  constructor(options: LeNetOptions = {}) {
    super();
    checkOptions('LeNet', options, ['input', 'classes', 'channels', 'hidden', 'dropout']);
    const {
      input = [28, 28, 1],
      classes = 10,
      channels = [6, 16],
      hidden = [120, 84],
      dropout = 0,
    } = options;
    const [height, width, depth] = input;
    const [first, second] = channels;
    const rows = Math.floor((Math.floor(height / 2) - 4) / 2);
    const columns = Math.floor((Math.floor(width / 2) - 4) / 2);
    if (!(rows >= 1 && columns >= 1)) {
      throw new ValueError('LeNet', `an input of ${height} x ${width} is too small; use at least 12 x 12`);
    }
    this.features = sequential(
      new Conv2d(depth, first, 5, { padding: 'same' }),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(first, second, 5),
      new ReLU(),
      new MaxPool2d(2),
    );
    const layers: Layer[] = [new Flatten()];
    let units = rows * columns * second;
    for (const size of hidden) {
      if (dropout > 0) layers.push(new Dropout(dropout));
      layers.push(new Linear(units, size), new ReLU());
      units = size;
    }
    if (dropout > 0) layers.push(new Dropout(dropout));
    this.head = sequential(...layers, new Linear(units, classes));
  }

  forward(x: Tensor): Tensor {
    return this.head.forward(this.features.forward(x));
  }
}
