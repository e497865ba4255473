// What check-mutations.mjs takes out of the CUDA kernels: of each kernel one barrier, one bound and one term of an index. `find` is
// there once in `file`; `unit` is what is compiled with it, `test` the tests that must see it.
const of = (kernel, unit, test, ...list) =>
  list.map(([kind, file, find, replace]) => ({
    name: `${kernel}: ${kind}`,
    unit,
    test,
    file,
    find,
    replace,
  }));

const joinBlockWaits = [
  'barrier',
  'reduce_join.h',
  `  hw::sync();
  value = hw::lane() <`,
  '  value = hw::lane() <',
];

export const mutations = [
  ...of(
    'transpose',
    'copy.cu',
    'copy',
    ['barrier', 'copy.cu', `    hw::sync();\n    for (int k = slow;`, '    for (int k = slow;'],
    ['bound', 'copy.cu', 'if (row + k < m.height && column + fast < m.width)', 'if (row + k < m.height)'],
    ['index', 'copy.cu', '(row + k) * m.to_down + column + fast', '(row + k) * m.to_down + fast'],
  ),
  ...of(
    'reduce_long_rows',
    'reduce.cu',
    'reduce',
    joinBlockWaits,
    ['bound', 'reduce_grid.h', 'if (at < row.size) op.add', 'op.add'],
    ['index', 'reduce_grid.h', 'index * r.extents.reduce + first', 'index * r.extents.reduce'],
  ),
  ...of(
    'reduce_columns',
    'reduce.cu',
    'reduce',
    ['barrier', 'reduce_join.h', `    hw::sync();\n  }\n  value = parts`, `  }\n  value = parts`],
    ['bound', 'reduce_grid.h', 'if (row == 0 && column < columns) r.put', 'if (row == 0) r.put'],
    [
      'index',
      'reduce_grid.h',
      'column / inner * r.extents.reduce * inner + column % inner',
      'column % inner',
    ],
  ),
  ...of(
    'multiply_tiles',
    'gemm.cu',
    'gemm',
    ['barrier', 'gemm_tile.h', `    if (left > 0) put();\n    hw::sync();`, '    if (left > 0) put();'],
    ['bound', 'gemm_tile.h', 'if (k_ + 8 * q < depth)', ''],
    ['index', 'gemm_product.h', 'at.b += place * p.b_steps[i];', ''],
  ),
  ...of(
    'multiply_thin',
    'gemm.cu',
    'gemm',
    ['barrier', 'gemm_thin.h', `  hw::sync();\n  constexpr int kColumns`, '  constexpr int kColumns'],
    ['bound', 'gemm_thin.h', 'if (i >= p.m || j >= p.n) continue;', 'if (i >= p.m) continue;'],
    ['index', 'gemm_thin.h', 'whole += memory.part[warp][i][x]', 'whole += memory.part[0][i][x]'],
  ),
  ...of(
    'update_adam',
    'optimizer.cu',
    'optimizer',
    ['barrier', 'optimizer.cu', '  hw::sync();\n', ''],
    [
      'bound',
      'optimizer.cu',
      'begin + kChunk < listed.size ? begin + kChunk : listed.size',
      'begin + kChunk',
    ],
    ['index', 'optimizer.cu', 'static_cast<int64_t>(hw::block() - listed.first_chunk) * kChunk', '0'],
  ),
  ...of(
    'place_digits',
    'index.cu',
    'index',
    [
      'barrier',
      'index_sort.h',
      `    hw::sync_warp();\n    if (has_item && rank == 0)`,
      '    if (has_item && rank == 0)',
    ],
    ['bound', 'index_sort.h', 'has_item = item < pass.keys.indices.count;', 'has_item = true;'],
    ['index', 'index_sort.h', 'extent + index) * inner + k % inner', 'extent + index) * inner'],
  ),
  ...of(
    'start_digits',
    'index.cu',
    'index',
    ['barrier', 'index_sort.h', `    hw::sync();\n    const int64_t before`, '    const int64_t before'],
    ['bound', 'index_sort.h', 'before = hw::thread() >= distance ? memory', 'before = true ? memory'],
    ['index', 'index_sort.h', 'next = memory.sums[hw::thread()] - sum;', 'next = memory.sums[hw::thread()];'],
  ),
  ...of(
    'softmax_kept',
    'softmax.cu',
    'softmax',
    [
      'barrier',
      'reduce_join.h',
      `parts.part[hw::warp()] = value;\n  hw::sync();`,
      `parts.part[hw::warp()] = value;`,
    ],
    ['bound', 'rows.h', 'j < count ? read(stored.x[j]) : other;', 'read(stored.x[j]);'],
    ['index', 'rows.h', 'row = first + hw::thread() / plan.team;', 'row = first;'],
  ),
  ...of(
    'cross_entropy_rows',
    'softmax.cu',
    'cross_entropy',
    joinBlockWaits,
    ['bound', 'cross_entropy.h', '!range.is_ignored(id) && range.has(id)', '!range.is_ignored(id)'],
    ['index', 'cross_entropy.h', 'stats[2 * index + 1] = counts', 'stats[2 * index] = counts'],
  ),
];
