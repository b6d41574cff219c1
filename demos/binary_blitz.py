"""Binary Blitz: one sigmoid neuron learns a table of four examples and answers a fifth."""

import sys

import tinygrad_nn as tg
from tinygrad_nn import data, nn, optim

table, question = data.binary_blitz()
print("1 Understand the problem, design the architecture: 3 inputs, 1 output, so 1 neuron")
for inputs, target in table:
    print("   ", *inputs.astype(int), "->", *target.astype(int))
print("   ", *question.astype(int), "-> ?")

neuron = nn.Linear(3, 1, bias=False, rng=0)
print("2 Initialize the weights with random values:", neuron.weight.numpy().round(3))
print("3 Choose the activation function: sigmoid")
print("4 Choose the loss function: mean squared error")
optimizer = optim.SGD(neuron.parameters(), lr=1.0)

for step in range(1, 2001):
    prediction = tg.sigmoid(neuron(table.inputs))
    loss = nn.functional.mse_loss(prediction, table.targets)
    optimizer.zero_grad()
    loss.backward()
    if step in (1, 2000):
        print(f"5 Make a prediction (step {step}):", prediction.numpy().ravel().round(3))
        print(f"6 Calculate the loss: {loss.item():.5f}")
        print("7 Calculate the gradient:", neuron.weight.grad.numpy().round(5))
    optimizer.step()
    if step in (1, 2000):
        print("8 Adjust the weights to minimize the loss:", neuron.weight.numpy().round(3))

answer = tg.sigmoid(neuron(question)).item()
print(f"9 Make another prediction: 1 0 0 -> {answer:.4f}")
sys.exit(0 if answer > 0.98 else "not learned: expected more than 0.98; take more steps")
