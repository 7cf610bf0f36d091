"""Things a language model says, good and bad, and ways to slice them."""

import random
from collections.abc import Iterator

SENTENCES = """
I'm Mr. Bones, head of the welcoming committee. It's all I have left, after all!
Dr. Skull met Mrs. Rib at 5 p.m. on St. James St. and they got along, i.e. they rattled.
It costs $29.99 today, 3.5 times more than e.g. a femur. A bargain!
Well... I never liked dogs. They always want to bury me… or chew me.
"Who goes there?" cried the skull. "Nobody," I said, "nobody at all."
He said “Stop!” and then “Go!” and I went — slowly — to the door.
What?! Are you sure?! Really?? Yes!!! No.
No. 5 is alive. No. I am not. J. R. R. Tolkien and the U.S. Army said so.
So am I. You and I. We came, we saw, we rattled; then: silence.
The quick brown fox jumps over the lazy dog and runs into the forest without ever looking back at all
Hm, hello,world, a-b, bones—and—more, one/two (three) [four] 4.5.6 v2.0. Done
I counted 206 bones, 1,000 teeth, and 12:30 o'clock. 3. Then I slept.
Ha! Ha! Ha! That's funny. Isn't it? It is.
Ünïcödé wörds ärë fïne, señor. 你好 world! Привет, мир. Naïve café?
""".strip().splitlines()

MARKED = """
Mr. Bones: *rattles his jaw* Hello there, visitor! (chuckles) [bows deeply] How are you? 😀
**Welcome!** I am *so very* happy, and _you_ are `brave` ~to~ come <VISION> here.
# The list
- one bone
- two bones
1. three bones
See [my page](https://bones.example/a_b) or https://x.y/z?q=1. Then www.skull.org, please.
```python
print("hi")
```
If 3 < 4 and 5 > 2 then a -> b | c, you {see}? #1 fan *sighs
<|im_start|>assistant
I am an (unclosed bracket. It goes on and on, as such things do, for rather more than eighty characters in all.
Assistant: Answer: I like ***stars*** and ** spaces ** and * lone * ones, snake_case too. :( ;-) :)
<think>The visitor wants a pun.</think>The *only* one I know: I'm *dead* serious.
""".strip().splitlines()


def slices(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


def noise(seed: int, count: int, alphabet: str, longest: int = 120) -> list[str]:
    """Strings without sense, the same for every run."""
    dice = random.Random(seed)
    return ["".join(dice.choices(alphabet, k=dice.randint(0, longest))) for _ in range(count)]


def replies(seed: int, count: int) -> list[str]:
    """Sentences shuffled into replies."""
    dice = random.Random(seed)
    return [" ".join(dice.choices(SENTENCES, k=dice.randint(1, 4))) for _ in range(count)]
