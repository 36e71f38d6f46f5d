(* The reversal of sequences of several lengths (SPEC 4.2): each from its own end, padding where it is. *)
From Coq Require Import List Arith Reals Lra Lia.
From BPTT Require Export Network.
Import ListNotations.
Open Scope R_scope.

(* Below m from the end of it, as they are from there on. *)
Lemma sum_reversed_start T m (f : nat -> R) : (m <= T)%nat -> sum (below T) (fun t => if (t <? m)%nat then f (m - 1 - t)%nat else f t) = sum (below T) f.
Proof.
  induction 1 as [| k past IH].
  - rewrite <- (sum_reversed m f). apply sum_ext. intros t here. apply in_below in here. destruct (Nat.ltb_spec t m); [easy | lia].
  - etransitivity; [apply sum_below_succ |]. etransitivity; [| symmetry; apply sum_below_succ].
    f_equal; [exact IH |]. destruct (Nat.ltb_spec k m); [lia | easy].
Qed.

Section Reversal.
Context {V : space} {B : indices} (n : B -> nat) (T : nat) (fits : forall b, In b B -> (n b <= T)%nat).

Definition reversed_each (x : nat -> B -> V) : nat -> B -> V := fun t b => if (t <? n b)%nat then x (n b - 1 - t)%nat b else x t b.

(* It is its own inverse. *)
Lemma reversed_twice x t b : reversed_each (reversed_each x) t b = x t b.
Proof.
  unfold reversed_each. destruct (Nat.ltb_spec t (n b)) as [real | ?]; [| easy].
  destruct (Nat.ltb_spec (n b - 1 - t) (n b)); [f_equal | ]; lia.
Qed.

(* Sums over steps and sequences do not see it. *)
Lemma sum_reversed_each (f : nat -> B -> R) (g : nat -> B -> R) :
  (forall t b, g t b = if (t <? n b)%nat then f (n b - 1 - t)%nat b else f t b) ->
  sum (below T) (fun t => sum B (g t)) = sum (below T) (fun t => sum B (f t)).
Proof.
  intros e. rewrite (sum_swap (below T) B g), (sum_swap (below T) B f). apply sum_ext. intros b here.
  etransitivity; [| exact (sum_reversed_start T (n b) (fun t => f t b) (fits b here))]. apply sum_ext. intros. apply e.
Qed.

Lemma linear_reversed_each : linear (fun y : Series T (Power B V) => reversed_each y : Series T (Power B V)).
Proof.
  split.
  - intros u v. apply same_power. intros t _. apply same_power. intros b _. cbn [vadd Series Power]. unfold reversed_each. now destruct (t <? n b)%nat.
  - intros s v. apply same_power. intros t _. apply same_power. intros b _. cbn [vscale Series Power]. unfold reversed_each. now destruct (t <? n b)%nat.
  - exists 1. split; [lra |]. intros v. right. rewrite Rmult_1_l, !(norm_power (below T) (Power B V)).
    rewrite (sum_ext (below T) (fun t => norm (v t)) (fun t => sum B (fun b => norm (v t b)))) by (intros; apply norm_power).
    rewrite (sum_ext (below T) _ (fun t => sum B (fun b => norm (reversed_each v t b)))) by (intros; apply norm_power).
    apply sum_reversed_each. intros. unfold reversed_each. now destruct (t <? n b)%nat.
Qed.

(* Its own adjoint. *)
Lemma dot_reversed_each (u v : Series T (Power B V)) : dot u (reversed_each v : Series T (Power B V)) = dot (reversed_each u : Series T (Power B V)) v.
Proof.
  rewrite !(dot_power (below T) (Power B V)).
  rewrite (sum_ext (below T) _ (fun t => sum B (fun b => dot (u t b) (reversed_each v t b)))) by (intros; apply dot_power).
  rewrite (sum_ext (below T) (fun t => dot (reversed_each u t : Power B V) (v t)) (fun t => sum B (fun b => dot (reversed_each u t b) (v t b))))
    by (intros; apply dot_power).
  symmetry. apply sum_reversed_each. intros t b. rewrite <- (reversed_twice v t b). unfold reversed_each at 1 2 4. now destruct (t <? n b)%nat.
Qed.
End Reversal.

(* 4.1 and 5.6 with lengths: two directions, the second reading each sequence from its own end. *)
Theorem two_directions_ragged {P X Y H : space} {B : indices} (n : B -> nat) (T : nat)
    (basic basic' : Pair P (Pair (Series T (Power B X)) H) -> Pair (Series T (Power B Y)) H) y g g' :
  let reverse := fun x : Series T (Power B X) => reversed_each n x : Series T (Power B X) in
  let reverse' := fun x : Series T (Power B Y) => reversed_each n x : Series T (Power B Y) in
  (forall b, In b B -> (n b <= T)%nat) ->
  adjoint basic (forward_call y) g -> adjoint basic' (reverse_call reverse y) g' ->
  adjoint (bidirectional reverse reverse' basic basic') y (bidirectional_back reverse reverse' g g').
Proof. intros reverse reverse' fits. apply bidirectional_is_adjoint; auto; intros; (now apply linear_reversed_each) || now apply dot_reversed_each. Qed.
