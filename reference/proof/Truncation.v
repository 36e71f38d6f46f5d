(* Truncation (SPEC 7.1): at some steps the state is carried forward, but no gradient backward.

   What is computed then is no gradient of the network. It is the gradient of another function, with the same values: that in which
   a step at a cut reads the state as a constant. *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Unroll.
Import ListNotations.
Open Scope R_scope.

Section Truncation.
Context {P X H : space} (step : nat -> Pair P (Pair X H) -> H) (cut : nat -> bool).

(* The step that reads, at a cut, a constant in place of the state. Chunks of k steps are cut before the steps k, 2k, 3k, ... *)
Definition cut_step (constant : nat -> H) (t : nat) (y : Pair P (Pair X H)) : H :=
  step t (fst y, (fst (snd y), if cut t then constant t else snd (snd y))).

(* The adjoint of a step, but for what it sends across a cut. *)
Definition dropped (g : nat -> H -> Pair P (Pair X H)) (t : nat) (u : H) : Pair P (Pair X H) :=
  let d := g t u in (fst d, (fst (snd d), if cut t then vzero else snd (snd d))).

Context (T : nat) (p : P) (x : Series T X) (h : H) (g : nat -> H -> Pair P (Pair X H)).
Context (steps : forall t, (t < T)%nat -> adjoint (step t) (p, (x t, before step p x h t)) (g t)).

Let constant : nat -> H := before step p x h.

Lemma same_states t : before (cut_step constant) p x h t = before step p x h t.
Proof.
  induction t as [| t IH]; [easy |].
  change (cut_step constant t (p, (x t, before (cut_step constant) p x h t)) = step t (p, (x t, before step p x h t))).
  rewrite IH. unfold cut_step. cbn [fst snd]. now destruct (cut t).
Qed.

Theorem truncated_is_adjoint :
  adjoint (unrolled (cut_step constant) T) (p, (x, h)) (fun u => back (dropped g) (fst u) T (snd u)).
Proof.
  apply back_is_adjoint. intros t here. rewrite same_states. specialize (steps t here).
  unfold cut_step, dropped. destruct (cut t).
  - destruct steps as [D [d dual]]. exists (fun v => D (fst v, (fst (snd v), vzero))). split.
    + apply (derivative_chain (fun y : Pair P (Pair X H) => (fst y, (fst (snd y), constant t)) : Pair P (Pair X H)) (step t)
               _ (fun v => (fst v, (fst (snd v), vzero))) D); [| exact d].
      apply (derivative_pair (fun y : Pair P (Pair X H) => fst y) (fun y : Pair P (Pair X H) => (fst (snd y), constant t) : Pair X H));
        [apply derivative_linear, linear_fst |].
      apply (derivative_pair (fun y : Pair P (Pair X H) => fst (snd y)) (fun _ : Pair P (Pair X H) => constant t)); [| apply derivative_constant].
      apply (derivative_chain (fun y : Pair P (Pair X H) => snd y) (fun y : Pair X H => fst y) _ (fun v => snd v) (fun v => fst v));
        apply derivative_linear; [apply linear_snd | apply linear_fst].
    + intros u v. rewrite dual. rewrite !(dot_pair P), !(dot_pair X). cbn [fst snd]. rewrite dot_zero_r, dot_zero_l. easy.
  - apply (adjoint_ext (step t) _ _ (g t)); [| | exact steps].
    + intros y. now destruct y as [? [? ?]].
    + intros u. now destruct (g t u) as [? [? ?]].
Qed.
End Truncation.
