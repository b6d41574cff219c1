"""Binary Blitz: one sigmoid neuron learns a table of four examples and answers a fifth.

Talk: neural networks that can learn, "Binary Blitz" and the recap in nine steps. The neuron is
p = sigmoid(w . x), the loss the mean squared error, and w <- w - lr dL/dw is gradient descent on
all four examples at once. The rule behind the table is "the first number", so w should come to
trust it alone: the first weight large, the others zero or below. Expect about 0.9999.
"""

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim
from tinygrad_nn.demo import Demo, run


def main(demo: Demo) -> None:
    table, question = data.binary_blitz()
    print("1 Understand the problem, design the architecture: 3 inputs, 1 output, so 1 neuron")
    for inputs, target in table:
        print("   ", *inputs.astype(int), "->", *target.astype(int))
    print("   ", *question.astype(int), "-> ?")

    neuron = nn.Linear(3, 1, bias=False, rng=demo.seed)
    print("2 Initialize the weights with random values:", neuron.weight.numpy().round(3))
    print("3 Choose the activation function: sigmoid")
    print("4 Choose the loss function: mean squared error")
    optimizer = optim.SGD(neuron.parameters(), lr=1.0)

    steps = 2000 if demo.quick else 10_000
    for step in range(1, steps + 1):
        prediction = tg.sigmoid(neuron(table.inputs))
        loss = nn.functional.mse_loss(prediction, table.targets)
        optimizer.zero_grad()
        loss.backward()
        if step in (1, steps):
            print(f"5 Make a prediction (step {step}):", prediction.numpy().ravel().round(3))
            print(f"6 Calculate the loss: {loss.item():.5f}")
            print("7 Calculate the gradient:", neuron.weight.grad.numpy().round(5))
        if step == 1:
            tg.draw(loss).save(demo.folder / "first-backward-pass.svg")
        optimizer.step()
        if step in (1, steps):
            print("8 Adjust the weights to minimize the loss:", neuron.weight.numpy().round(3))

    answer = tg.sigmoid(neuron(question)).item()
    print(f"9 Make another prediction: 1 0 0 -> {answer:.4f}")
    demo.expect("answer to 1 0 0", answer, at_least=0.98 if demo.quick else 0.999, at_most=1)


if __name__ == "__main__":
    run(main)
