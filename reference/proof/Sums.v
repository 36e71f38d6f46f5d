(* Numbers, index sets and finite sums.

   The formulas of forward and backward are written for any type of number, so that the theorems read them with real numbers,
   and Coq runs the same definitions with integers. *)
From Coq Require Import List FinFun Arith ZArith Reals Lra.
Import ListNotations.

Class Numbers (K : Type) := {
  zero : K;
  one : K;
  add : K -> K -> K;
  sub : K -> K -> K;
  mul : K -> K -> K }.

Declare Scope number_scope.
Delimit Scope number_scope with number.
Notation "0" := zero : number_scope.
Notation "1" := one : number_scope.
Infix "+" := add : number_scope.
Infix "-" := sub : number_scope.
Infix "*" := mul : number_scope.

#[export] Instance R_numbers : Numbers R := {| zero := 0%R; one := 1%R; add := Rplus; sub := Rminus; mul := Rmult |}.
#[export] Instance Z_numbers : Numbers Z := {| zero := 0%Z; one := 1%Z; add := Z.add; sub := Z.sub; mul := Z.mul |}.

(* With real numbers the operations are those of R, and `ring`, `lra`, ... see them as such after `reals`. *)
Ltac reals := cbn [zero one add sub mul R_numbers] in *.

(* A finite set of indices: features, units, steps, sequences. Only what is listed counts. *)
Record indices := {
  index :> Type;
  listed :> list index;
  listed_once : NoDup listed;
  index_dec : forall i j : index, {i = j} + {i <> j} }.

Arguments index_dec {i0} i j : rename.

Definition sum {K} {N : Numbers K} {A : Type} (l : list A) (f : A -> K) : K := fold_right (fun i s => (f i + s)%number) zero l.
Arguments sum : simpl never.

(* [i = j] of the SPEC. *)
Definition kronecker {K} {N : Numbers K} {A : indices} (i j : A) : K := if index_dec i j then one else zero.

(* 0, ..., n-1: the steps of a series, or the numbered units of a layer. *)
Definition below (n : nat) : indices :=
  {| index := nat; listed := seq 0 n; listed_once := seq_NoDup n 0; index_dec := Nat.eq_dec |}.

Lemma in_below n t : In t (below n) <-> t < n.
Proof. simpl. rewrite in_seq. split; [intros [_ ?] | split]; auto with arith. Qed.

(* Side by side: the features of two directions, for instance. *)
Definition beside_listed (A B : indices) : list (A + B) := map inl A ++ map inr B.

Lemma beside_once (A B : indices) : NoDup (beside_listed A B).
Proof.
  unfold beside_listed. generalize (listed_once A). generalize (listed A). intros l once. induction once; simpl.
  - apply FinFun.Injective_map_NoDup; [congruence | apply listed_once]. 
  - constructor; auto. rewrite in_app_iff, !in_map_iff. intros [[i [e ?]] | [i [e ?]]]; congruence.
Qed.

Definition beside_dec (A B : indices) (i j : A + B) : {i = j} + {i <> j}.
Proof. decide equality; apply index_dec. Defined.

Definition beside (A B : indices) : indices :=
  {| index := A + B; listed := beside_listed A B; listed_once := beside_once A B; index_dec := beside_dec A B |}.

Section AnyNumbers.
Context {K : Type} {N : Numbers K}.

Lemma sum_ext {A} (l : list A) (f g : A -> K) : (forall i, In i l -> f i = g i) -> sum l f = sum l g.
Proof. unfold sum. induction l; simpl; intros; auto. rewrite H, IHl; auto. Qed.

Lemma sum_map {A B} (h : A -> B) (l : list A) (f : B -> K) : sum (map h l) f = sum l (fun i => f (h i)).
Proof. unfold sum. induction l; simpl; congruence. Qed.
End AnyNumbers.

Open Scope R_scope.

Lemma sum_nil {A} (f : A -> R) : sum [] f = 0.
Proof. reflexivity. Qed.

Lemma sum_cons {A} a (l : list A) (f : A -> R) : sum (a :: l) f = f a + sum l f.
Proof. reflexivity. Qed.

Lemma sum_app {A} (l m : list A) (f : A -> R) : sum (l ++ m) f = sum l f + sum m f.
Proof. induction l; simpl; rewrite ?sum_cons, ?sum_nil; lra. Qed.

Lemma sum_flat_map {A B} (h : B -> list A) l (f : A -> R) : sum (flat_map h l) f = sum l (fun i => sum (h i) f).
Proof. induction l; simpl; auto. rewrite sum_app, sum_cons. lra. Qed.

Lemma sum_zero {A} (l : list A) : sum l (fun _ : A => 0) = 0.
Proof. induction l; rewrite ?sum_cons, ?sum_nil; lra. Qed.

Lemma sum_zero_ext {A} (l : list A) (f : A -> R) : (forall i, In i l -> f i = 0) -> sum l f = 0.
Proof. intros. rewrite (sum_ext _ _ _ H). apply sum_zero. Qed.

Lemma sum_add {A} (l : list A) (f g : A -> R) : sum l (fun i => f i + g i) = sum l f + sum l g.
Proof. induction l; rewrite ?sum_cons, ?sum_nil; lra. Qed.

Lemma sum_sub {A} (l : list A) (f g : A -> R) : sum l (fun i => f i - g i) = sum l f - sum l g.
Proof. induction l; rewrite ?sum_cons, ?sum_nil; lra. Qed.

Lemma sum_scale_l {A} (l : list A) c (f : A -> R) : sum l (fun i => c * f i) = c * sum l f.
Proof. induction l; rewrite ?sum_cons, ?sum_nil; try rewrite IHl; ring. Qed.

Lemma sum_scale_r {A} (l : list A) c (f : A -> R) : sum l (fun i => f i * c) = sum l f * c.
Proof. induction l; rewrite ?sum_cons, ?sum_nil; try rewrite IHl; ring. Qed.

Lemma sum_swap {A B} (l : list A) (m : list B) (f : A -> B -> R) : sum l (fun i => sum m (f i)) = sum m (fun j => sum l (fun i => f i j)).
Proof.
  induction l; rewrite ?sum_cons, ?sum_nil.
  - symmetry. now apply sum_zero_ext.
  - rewrite IHl, <- sum_add. apply sum_ext. reflexivity.
Qed.

Lemma sum_nonneg {A} (l : list A) (f : A -> R) : (forall i, In i l -> 0 <= f i) -> 0 <= sum l f.
Proof.
  induction l; intros; rewrite ?sum_cons, ?sum_nil; try lra.
  assert (0 <= f a) by (apply H; simpl; auto). assert (0 <= sum l f) by (apply IHl; intros; apply H; simpl; auto). lra.
Qed.

Lemma sum_le {A} (l : list A) (f g : A -> R) : (forall i, In i l -> f i <= g i) -> sum l f <= sum l g.
Proof. intros. assert (0 <= sum l (fun i => g i - f i)) by (apply sum_nonneg; intros; specialize (H i H0); lra). rewrite sum_sub in H0. lra. Qed.

Lemma term_le_sum {A} (l : list A) (f : A -> R) i : (forall i, In i l -> 0 <= f i) -> In i l -> f i <= sum l f.
Proof.
  induction l; simpl; intros pos here; [easy | rewrite sum_cons].
  assert (0 <= sum l f) by (apply sum_nonneg; auto). assert (0 <= f a) by auto.
  destruct here as [-> | here]; [lra | assert (f i <= sum l f) by auto; lra].
Qed.

Lemma sum_abs {A} (l : list A) (f : A -> R) : Rabs (sum l f) <= sum l (fun i => Rabs (f i)).
Proof.
  induction l; rewrite ?sum_cons, ?sum_nil; [rewrite Rabs_R0; lra |].
  apply Rle_trans with (1 := Rabs_triang _ _). lra.
Qed.

(* A single term, chosen by any decidable condition that holds of the listed index i alone. *)
Lemma sum_single {A} (l : list A) (f : A -> R) i : NoDup l -> In i l -> (forall j, In j l -> j <> i -> f j = 0) -> sum l f = f i.
Proof.
  induction 1 as [| a l fresh once IH]; simpl; intros here others; [easy | rewrite sum_cons].
  destruct here as [-> | here].
  - rewrite sum_zero_ext; [ring |]. intros j hj. apply others; auto. congruence.
  - rewrite (others a); auto; [rewrite IH; auto; ring | congruence].
Qed.

Lemma sum_kronecker (A : indices) (f : A -> R) i : In i A -> sum A (fun j => kronecker i j * f j) = f i.
Proof.
  intros here. unfold kronecker. rewrite (sum_single _ _ i); auto using listed_once.
  - destruct index_dec; [reals; ring | congruence].
  - intros j _ other. destruct index_dec; [congruence | reals; ring].
Qed.

Lemma sum_beside (A B : indices) (f : A + B -> R) : sum (beside A B) f = sum A (fun i => f (inl i)) + sum B (fun j => f (inr j)).
Proof. simpl. unfold beside_listed. now rewrite sum_app, !sum_map. Qed.

Lemma sum_below_succ n (f : nat -> R) : sum (below (S n)) f = sum (below n) f + f n.
Proof. change (listed (below (S n))) with (seq 0 (S n)). rewrite seq_S, sum_app, sum_cons, sum_nil. simpl. lra. Qed.
