// The programs of the README and the pages run, and their comments are true; the C++ and the samples they show are the sources'.
import { runSnippet } from './program';
import { filesUnder, pageBlocks, pages, readText } from './snippets';
import { useScratchFolder } from './scratch-folder';

useScratchFolder();

const blocks = pageBlocks();
const [readme = [], others = []] = [true, false].map(wanted =>
  blocks.filter(({ name }) => name.startsWith('README.md') === wanted),
);

test('the blocks are found', () => {
  expect(readme).toHaveLength(2);
  expect(others.length).toBeGreaterThan(8);
});

test.each([...readme.slice(1), ...others].map(block => [block.name, block] as const))(
  '%s',
  async (_, block) => {
    await runSnippet(block);
  },
);

test('the program of the README learns', async () => {
  const [program] = readme;
  if (program === undefined) throw new Error('README.md has no program');
  const { lines } = await runSnippet(program);
  expect(Number(/^test accuracy ([\d.]+)$/.exec(lines.at(-1) ?? '')?.[1])).toBeGreaterThan(0.9);
}, 60_000);

const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** The parts of a page's blocks of one language, cut at lines of dots. */
function shown(page: string, fence: string): string[] {
  return [...readText(page).matchAll(new RegExp(`^\`\`\`${fence}\\n(.*?)^\`\`\``, 'gms'))].flatMap(block =>
    (block[1] ?? '').split(/^\.\.\.$/m).map(squeezed),
  );
}

test.each([
  ['cpp', 'csrc', '.cpp'],
  ['ts fragment', 'tests/ops', '.samples.ts'],
])('the %s that pages show is in %s', (fence, where, ending) => {
  const sources = filesUnder(where, ending).map(file => squeezed(readText(file)));
  const parts = pages.flatMap(page => shown(page, fence));
  expect(parts.length).toBeGreaterThan(0);
  expect(parts.filter(part => !sources.some(source => source.includes(part)))).toEqual([]);
});
