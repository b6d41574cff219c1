"""Parameters counted from published shapes: from the talk's 13,002 to the billions of GPT-3.

Talk: neural networks that can learn, "Our NN architecture" and "Facts about NNs". A layer of n
inputs and m neurons has n m weights and m biases. A transformer block (Vaswani and others 2017)
of width d has four maps d to d for its attention, two maps d to f and back, a bias with each, and
two norms of 2 d numbers: with f = 4 d about 12 d^2. Before the blocks, each word and each place
has a vector of d numbers.

The shapes are those of the papers: BERT-large (Devlin and others 2018), GPT-3 (Brown and others
2020; GPT-2's words), BLOOM (Le Scao and others 2022), Llama 2 (Touvron and others 2023: three maps
to f, keys shared by heads); the words of BERT and BLOOM and Llama's f are those of the published
files. The formula is held against this library's own block. Expect every count within 2 % of the
talk's. Of Claude and GPT-4, also in its list, no shapes are published; the brain's 86 billion
neurons times 7,000 synapses are the talk's own "very rough" guess.
"""

from tinygrad_nn import nn
from tinygrad_nn.demo import Demo, run


def block(d: int, f: int) -> int:
    """A transformer block: attention, two maps, two norms."""
    return 4 * (d * d + d) + (d * f + f + f * d + d) + 2 * 2 * d


def bert(d: int, layers: int, words: int, places: int) -> int:
    embedding, pooler = (words + places + 2) * d + 2 * d, d * d + d
    return embedding + layers * block(d, 4 * d) + pooler


def gpt(d: int, layers: int, words: int, places: int) -> int:
    return (words + places) * d + layers * block(d, 4 * d) + 2 * d


def llama(d: int, f: int, layers: int, words: int, heads: int, key_heads: int) -> int:
    attention = 2 * d * d + 2 * d * d * key_heads // heads
    return 2 * words * d + layers * (attention + 3 * d * f + 2 * d) + d


def main(demo: Demo) -> None:
    network = nn.MLP(784, [16, 16, 10], activation="sigmoid", tensor=True)
    ours = sum(p.size for p in network.parameters())
    print(f"784-16-16-10: {ours:,} parameters, 42 of 826 neurons have an activation")

    d = 64 if demo.quick else 1024
    layer = nn.TransformerEncoderLayer(d, 16, 4 * d)
    built = sum(p.size for p in layer.parameters())
    print(f"a block of width {d}: {built:,} built, {block(d, 4 * d):,} by the formula")

    bloom = gpt(14_336, 70, 250_880, places=0) + 2 * 14_336  # a norm behind the embedding
    published = {
        "BERT-large": (bert(1024, 24, 30_522, 512), 340e6),
        "Llama 2": (llama(8192, 28_672, 80, 32_000, 64, 8), 70e9),
        "GPT-3": (gpt(12_288, 96, 50_257, 2048), 175e9),
        "BLOOM": (bloom, 176e9),
    }
    for name, (count, told) in published.items():
        print(f"{name:>10}: {count:>15,} counted, {told:>15,.0f} in the talk")

    demo.expect("parameters of 784-16-16-10", ours, at_least=13_002, at_most=13_002)
    demo.expect("block: formula less built", block(d, 4 * d) - built, at_least=0, at_most=0)
    for name, (count, told) in published.items():
        demo.expect(f"{name}, counted / published", count / told, at_least=0.98, at_most=1.02)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        counts = {"784-16-16-10": ours, **{name: count for name, (count, _) in published.items()}}
        axes.barh([*counts, "brain (synapses, a guess)"], [*counts.values(), 86e9 * 7000])
        axes.set(xscale="log", xlim=(1e3, 1e16), xlabel="parameters")
        axes.set_title("More than ten powers of ten between the talk's network and the brain")
        for row, count in enumerate(counts.values()):
            axes.text(count * 1.4, row, f"{count:,}", va="center")
        figure.savefig(demo.folder / "parameters.png", dpi=120)


if __name__ == "__main__":
    run(main)
