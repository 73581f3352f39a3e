"""How did the schema come to be what it is? One revision after another; an old database walks them all."""
