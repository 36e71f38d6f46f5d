(* Sequences of several lengths (SPEC 6): past its end a sequence keeps its state, and its output is 0. *)
From Coq Require Import List Arith Reals Lra.
From BPTT Require Export Unroll.
Import ListNotations.
Open Scope R_scope.

Section Ragged.
Context {P X V : space} {B : indices} (step : nat -> Pair P (Pair X (Power B V)) -> Power B V) (n : B -> nat).

Definition real (t : nat) (b : B) : bool := (t <? n b)%nat.

(* 0 at padding. *)
Definition masked (t : nat) (y : Power B V) : Power B V := fun b => if real t b then y b else vzero.
Definition held_step (t : nat) (y : Pair P (Pair X (Power B V))) : Power B V := fun b => if real t b then step t y b else snd (snd y) b.

(* Only real rows go back through the step; the others pass it by. *)
Definition held (g : nat -> Power B V -> Pair P (Pair X (Power B V))) (t : nat) (u : Power B V) : Pair P (Pair X (Power B V)) :=
  let d := g t (masked t u) in (fst d, (fst (snd d), fun b => vadd (snd (snd d) b) (if real t b then vzero else u b))).

Lemma adjoint_masked t y : adjoint (masked t) y (masked t).
Proof.
  apply (adjoint_each (fun b v => if real t b then v else vzero) y (fun b u => if real t b then u else vzero)).
  intros b _. destruct (real t b); [apply adjoint_identity | apply adjoint_constant].
Qed.

Lemma held_is_adjoint t e g : adjoint (step t) e (g t) -> adjoint (held_step t) e (held g t).
Proof.
  intros [D [d dual]]. exists (fun v => (fun b => if real t b then D v b else snd (snd v) b)). split.
  - apply (derivative_power B (fun b y => held_step t y b) e (fun b v => if real t b then D v b else snd (snd v) b)). intros b here.
    unfold held_step. destruct (real t b).
    + apply (derivative_chain (step t) (fun y : Power B V => y b) e D (fun y => y b) d). now apply derivative_linear, linear_entry.
    + apply (derivative_chain (fun y : Pair P (Pair X (Power B V)) => snd (snd y)) (fun y : Power B V => y b) e (fun v => snd (snd v)) (fun y => y b)).
      * apply (derivative_chain (fun y : Pair P (Pair X (Power B V)) => snd y) (fun y : Pair X (Power B V) => snd y) e (fun v => snd v) (fun v => snd v));
          apply derivative_linear, linear_snd.
      * now apply derivative_linear, linear_entry.
  - intros u v. unfold held.
    assert (split : dot u (fun b => if real t b then D v b else snd (snd v) b)
                    = dot (masked t u) (D v) + dot ((fun b => if real t b then vzero else u b) : Power B V) (snd (snd v))).
    { rewrite !(dot_power B V), <- sum_add. apply sum_ext. intros b _. unfold masked. destruct (real t b); rewrite dot_zero_l; ring. }
    rewrite split, dual, !(dot_pair P), !(dot_pair X). cbn [fst snd].
    change (fun b => vadd (snd (snd (g t (masked t u))) b) (if real t b then vzero else u b))
      with (vadd (snd (snd (g t (masked t u)))) ((fun b => if real t b then vzero else u b) : Power B V)).
    rewrite dot_add_l. now rewrite !Rplus_assoc.
Qed.

(* The outputs, 0 at padding, and the state after the last real step of each sequence. *)
Definition ragged (T : nat) (y : Pair P (Pair (Series T X) (Power B V))) : Pair (Series T (Power B V)) (Power B V) :=
  let r := unrolled held_step T y in (fun t => masked t (fst r t), snd r).

Theorem ragged_is_adjoint (T : nat) p (x : Series T X) h g :
  (forall t, (t < T)%nat -> adjoint (step t) (p, (x t, before held_step p x h t)) (g t)) ->
  adjoint (ragged T) (p, (x, h)) (fun u => back (held g) (fun t => masked t (fst u t)) T (snd u)).
Proof.
  intros steps.
  apply (adjoint_chain (unrolled held_step T) (fun r => (fun t => masked t (fst r t), snd r) : Pair (Series T (Power B V)) (Power B V)) (p, (x, h))
           (fun u => back (held g) (fst u) T (snd u)) (fun u => (fun t => masked t (fst u t), snd u) : Pair (Series T (Power B V)) (Power B V))).
  - apply back_is_adjoint. intros t here. apply held_is_adjoint, steps, here.
  - apply (adjoint_beside (fun y : Series T (Power B V) => (fun t => masked t (y t)) : Series T (Power B V)) (fun h => h) _ _
             (fun u => (fun t => masked t (u t))) (fun u => u)); [| apply adjoint_identity].
    apply (adjoint_each (A := below T) masked _ masked). intros. apply adjoint_masked.
Qed.
End Ragged.
